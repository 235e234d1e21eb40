#include "base/parallel.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace selfsup {
namespace {

class Crew {
 public:
  Crew(int64_t count, const std::function<void(int64_t)>& work) : count_(count), work_(work) {}
  ~Crew() {
    next_ = count_;
    for (std::thread& thread : threads_) thread.join();
  }
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  void start(int threads) {
    const std::lock_guard lock(mutex_);
    try {
      while (static_cast<int64_t>(threads_.size()) < std::min<int64_t>(threads, count_))
        threads_.emplace_back([this] { run(); }), ++running_;
    } catch (const std::system_error&) {  // those that there are do it
    }
  }

  // Until all has ended, or something was thrown.
  void wait(const std::function<void(int64_t)>& meanwhile) {
    std::unique_lock lock(mutex_);
    if (threads_.empty()) return alone(lock, meanwhile);
    do {
      lock.unlock();
      if (meanwhile) meanwhile(done_);
      lock.lock();
    } while (!ended_.wait_for(lock, std::chrono::milliseconds(100), [&] { return running_ == 0; }));
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void alone(std::unique_lock<std::mutex>& lock, const std::function<void(int64_t)>& meanwhile) {
    lock.unlock();
    for (int64_t i = 0; i < count_; ++i) {
      if (meanwhile) meanwhile(i);
      work_(i);
    }
  }

  void run() {
    std::exception_ptr failure;
    try {
      for (int64_t i; (i = next_++) < count_; ++done_) work_(i);
    } catch (...) {
      failure = std::current_exception();
      next_ = count_;
    }
    const std::lock_guard lock(mutex_);
    if (failure && !failure_) failure_ = failure;
    if (--running_ == 0) ended_.notify_all();
  }

  const int64_t count_;
  const std::function<void(int64_t)>& work_;
  std::atomic<int64_t> next_ = 0, done_ = 0;
  std::mutex mutex_;
  std::condition_variable ended_;
  int running_ = 0;
  std::exception_ptr failure_;
  std::vector<std::thread> threads_;
};

}  // namespace

void parallel_for(int64_t count, int threads, const std::function<void(int64_t)>& work,
                  const std::function<void(int64_t)>& meanwhile) {
  Crew crew(count, work);
  crew.start(std::max(threads, 1));
  crew.wait(meanwhile);
}

}  // namespace selfsup
