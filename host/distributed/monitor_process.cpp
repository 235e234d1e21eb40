#include "distributed/monitor_process.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

namespace selfsup::distributed {

ProcessEnds::ProcessEnds() : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

ProcessEnds::~ProcessEnds() {
  for (const Watched& one : watched_)
    if (one.descriptor >= 0) ::close(one.descriptor);
  if (wake_ >= 0) ::close(wake_);
}

void ProcessEnds::watch(int rank, pid_t process) {
  const auto descriptor = static_cast<int>(::syscall(SYS_pidfd_open, process, 0));
  if (descriptor < 0 && errno != ESRCH) return;
  const std::lock_guard lock(mutex_);
  watched_.push_back({rank, descriptor});
}

void ProcessEnds::wake() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_, &one, sizeof one);
}

std::vector<int> ProcessEnds::wait(std::chrono::milliseconds longest) {
  std::vector<pollfd> descriptors{{wake_, POLLIN, 0}};
  {
    const std::lock_guard lock(mutex_);
    for (const Watched& one : watched_) {
      if (one.descriptor >= 0) descriptors.push_back({one.descriptor, POLLIN, 0});
      if (one.descriptor < 0) longest = std::chrono::milliseconds{0};
    }
  }
  ::poll(descriptors.data(), descriptors.size(), static_cast<int>(std::max<int64_t>(longest.count(), 0)));
  uint64_t wakings = 0;
  [[maybe_unused]] const ssize_t read = ::read(wake_, &wakings, sizeof wakings);

  std::vector<int> ended;
  const std::lock_guard lock(mutex_);
  std::erase_if(watched_, [&](const Watched& one) {
    const auto found = std::find_if(descriptors.begin() + 1, descriptors.end(),
                                    [&](const pollfd& polled) { return polled.fd == one.descriptor; });
    if (one.descriptor >= 0 && (found == descriptors.end() || found->revents == 0)) return false;
    if (one.descriptor >= 0) ::close(one.descriptor);
    ended.push_back(one.rank);
    return true;
  });
  return ended;
}

}  // namespace selfsup::distributed
