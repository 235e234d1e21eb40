#include "train/signals.h"

#include <atomic>
#include <cstdint>
#include <ctime>

#include "base/signals.h"
#include "plugin/ending.h"
#include "plugin/surroundings.h"

namespace selfsup::train {
namespace {

std::atomic<int> first_signal{0};
std::atomic<int64_t> first_at{0};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<int64_t>::is_always_lock_free);

// A wish to stop may come by two ways: to all processes of a job at once, and through its launcher.
constexpr int64_t kSameWish = 500;

int64_t milliseconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

void on_signal(int signal) {
  const int64_t now = milliseconds();
  int none = 0;
  if (first_signal.compare_exchange_strong(none, signal)) {
    first_at = now;
  } else if (const int64_t at = first_at; signal != SIGHUP && at > 0 && now - at > kSameWish) {
    plugin::end_now(128 + signal);
  }
}

}  // namespace

StopSignals::StopSignals() {
  first_signal = 0;
  first_at = 0;
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  plugin::restore_surroundings();
  for (size_t i = 0; i < kSignals.size(); ++i) {
    const bool meant = (kSignals[i] == SIGHUP || kSignals[i] == SIGINT) && is_ignored(kSignals[i]);
    sigaction(kSignals[i], meant ? nullptr : &action, &before_[i]);
  }
  plugin::remember_surroundings();
}

StopSignals::~StopSignals() {
  for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before_[i], nullptr);
  plugin::remember_surroundings();
  first_signal = 0;
}

void StopSignals::ignore() {
  for (size_t i = 0; i < kSignals.size(); ++i) {
    before_[i] = {};
    before_[i].sa_handler = SIG_IGN;
    sigaction(kSignals[i], &before_[i], nullptr);
  }
  plugin::remember_surroundings();
}

std::optional<Exit> requested_stop() {
  const int signal = first_signal.load();
  if (signal == 0) return std::nullopt;
  return signal == SIGINT ? Exit::interrupted : Exit::preempted;
}

}  // namespace selfsup::train
