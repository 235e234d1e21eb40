#include "distributed/monitor_guard.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

namespace selfsup::distributed {
namespace {

// Every rank comes to these by itself, at about the same time, and should end with its own code and text.
bool is_common(Exit exit) {
  switch (exit) {
    case Exit::usage:
    case Exit::plugin:
    case Exit::data:
    case Exit::checkpoint:
    case Exit::diverged:
    case Exit::preempted:
    case Exit::disagree:
    case Exit::interrupted:
      return true;
    case Exit::ok:
    case Exit::failed:
    case Exit::storage:
    case Exit::peer:
      break;
  }
  return false;
}

}  // namespace

MonitorGuard::MonitorGuard(std::shared_ptr<MonitorShared> shared)
    : shared_(std::move(shared)), time_(2 * shared_->limits.beat) {}

void MonitorGuard::run() {
  std::chrono::milliseconds longest = shared_->limits.beat;
  answered_ = time_.look();
  for (;;) {
    const std::vector<int> ended = shared_->ends.wait(longest);
    std::unique_lock lock(shared_->mutex);
    if (!shared_->progress) return;
    shared_->ended.insert(shared_->ended.end(), ended.begin(), ended.end());
    if (!ended.empty()) shared_->rouse();
    longest = check_store();
    if (shared_->verdict) longest = shared_->limits.beat / kHurry;
    if (shared_->verdict && is_time()) {
      const std::string text = shared_->verdict->text;
      lock.unlock();
      shared_->on_verdict(text);
      return;
    }
  }
}

std::chrono::milliseconds MonitorGuard::check_store() {
  const MonitorShared& shared = *shared_;
  const auto now = time_.look();
  if (std::exchange(rounds_, shared.rounds) != shared.rounds || shared.talker_gone) answered_ = now;
  const std::chrono::milliseconds left = shared.limits.silent - (now - answered_);
  if (left.count() >= 0 || shared.parting || shared.verdict)
    return std::clamp(left + std::chrono::milliseconds{1}, shared.limits.beat / kHurry, shared.limits.beat);
  store_hangs_ = true;
  const double seconds = std::chrono::duration<double>(now - answered_).count();
  shared_->accept(
      {Fault::silent, 0, Exit::peer,
       shared.is_zero()
           ? fmt::format("the store that keeps the ranks together has not answered for {:.1f} s", seconds)
           : fmt::format("{} has not answered for {:.1f} s{}: stopped or swapped out, or its machine or the "
                         "network is gone",
                         shared.keeper(), seconds, last_seen(shared.zero))});
  return shared.limits.beat;
}

bool MonitorGuard::is_time() const {
  if (shared_->parting || shared_->standing == Standing::failing) return false;
  if (store_hangs_) return true;  // nobody can be told
  const Verdict& verdict = *shared_->verdict;
  int beats = 0;
  if (verdict.fault == Fault::ended || verdict.fault == Fault::failed) beats = 1;
  if (verdict.fault == Fault::failed && is_common(verdict.exit)) beats = 2;
  if (shared_->standing == Standing::suspects) beats = 2;
  // Rank 0 is told that this one knows, so that it need not wait longer.
  const bool told = shared_->published != Standing::running && shared_->published != Standing::suspects;
  if (!told && !shared_->talker_gone) beats = std::max(beats, 1);
  // The others read who it was in the store of rank 0, which ends with it.
  if (shared_->is_zero() && !shared_->others_need_nobody) beats = kLastWords;
  return MonitorShared::Clock::now() - shared_->verdict_at >= beats * shared_->limits.beat;
}

}  // namespace selfsup::distributed
