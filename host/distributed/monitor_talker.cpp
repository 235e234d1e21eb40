#include "distributed/monitor_talker.h"

#include <c10/util/Exception.h>
#include <fmt/format.h>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>
#include <utility>

#include "base/text.h"

namespace selfsup::distributed {
namespace {

using Milliseconds = std::chrono::milliseconds;

constexpr char kVerdict[] = "verdict";
std::string sign_key(int rank) { return fmt::format("sign/{}", rank); }

// Beats without a sign after which a rank has gone where operations fail. Rank 0, which reads the others' signs, is
// given one more by those.
constexpr int kGone = 2, kRankZeroGone = 3;
constexpr int kLate = 3;  // beats without a sign after which one looks more often

}  // namespace

MonitorTalker::MonitorTalker(std::shared_ptr<MonitorShared> shared)
    : shared_(std::move(shared)),
      time_(2 * shared_->limits.beat),
      judge_(shared_->is_zero() ? shared_->world : 1, shared_->limits, time_.look()) {
  keys_.emplace_back(kVerdict);
  for (int rank = shared_->is_zero() ? 1 : 0; rank < (shared_->is_zero() ? shared_->world : 1); ++rank) {
    watched_.push_back(rank);
    keys_.push_back(sign_key(rank));
  }
}

void MonitorTalker::run() {
  try {
    connect();
    for (const std::string& key : keys_) store_->compareSet(key, std::string(), std::string(kNothingYet));
    while (round()) pause();
  } catch (const c10::Error& error) {
    lost(error.what_without_backtrace());
  } catch (const std::exception& error) {
    lost(error.what());
  }
  const std::lock_guard lock(shared_->mutex);
  shared_->talker_gone = true;
  shared_->changed.notify_all();
}

void MonitorTalker::connect() {
  store_ = shared_->connect();
  const std::lock_guard lock(shared_->mutex);
  shared_->connected = true;
  shared_->changed.notify_all();
}

bool MonitorTalker::round() {
  Sign own;
  std::optional<Verdict> telling;
  bool last = false;
  {
    const std::lock_guard lock(shared_->mutex);
    if (!shared_->progress) return false;
    own = {++beat_, shared_->progress->seen(), shared_->standing, shared_->who};
    const bool knows = shared_->verdict || shared_->over;
    if (knows && (own.standing == Standing::running || own.standing == Standing::suspects))
      own.standing = Standing::knows;
    last = shared_->over;
    telling = std::exchange(shared_->telling, std::nullopt);
    for (const int rank : std::exchange(shared_->ended, {})) judge_.ended(rank);
    shared_->awake = false;
  }
  if (telling) propose(*telling);
  store_->set(sign_key(shared_->who.rank), text_of(own));
  const std::string verdict = read();
  if (const auto given = verdict_of(verdict)) {
    const std::lock_guard lock(shared_->mutex);
    shared_->accept(*given);
  } else {
    decide(own);
  }
  publish(own);
  return !last;
}

std::string MonitorTalker::read() {
  const std::vector<std::vector<uint8_t>> values = store_->multiGet(keys_);
  const auto now = time_.look();
  for (size_t i = 0; i < watched_.size(); ++i) {
    const auto sign = sign_of({values[i + 1].begin(), values[i + 1].end()});
    if (!sign) continue;
    if (!judge_.sign(watched_[i])) meet(*sign, watched_[i]);
    judge_.see(watched_[i], *sign, now);
  }
  if (!shared_->is_zero()) {
    const std::lock_guard lock(shared_->mutex);
    shared_->zero = judge_.sign(0);
  }
  return {values[0].begin(), values[0].end()};
}

void MonitorTalker::meet(const Sign& sign, int rank) {
  ++met_;
  const Identity& here = shared_->who;
  const bool same_machine = !here.machine.empty() && sign.who.machine == here.machine;
  if (same_machine && sign.who.process != here.process) shared_->ends.watch(rank, sign.who.process);
}

void MonitorTalker::decide(const Sign& own) {
  const Limits& limits = shared_->limits;
  const auto now = time_.look();
  const bool zero = shared_->is_zero();
  if (zero) judge_.see(0, own, now);
  const bool suspicion = own.standing == Standing::suspects || (zero && judge_.suspected());
  const Milliseconds soon = (zero ? kGone : kRankZeroGone) * limits.beat;
  std::optional<Verdict> verdict = judge_.gone(now, suspicion ? std::min(soon, limits.silent) : limits.silent);
  hurry_ = suspicion || met_ < watched_.size() || judge_.oldest_sign(now) > kLate * limits.beat;
  if (!verdict && zero) verdict = judge_.still(now);
  if (verdict) propose(*verdict);
}

void MonitorTalker::propose(const Verdict& verdict) {
  const std::string stands = store_->compareSet(std::string(kVerdict), std::string(kNothingYet), text_of(verdict));
  const std::lock_guard lock(shared_->mutex);
  shared_->accept(verdict_of(stands).value_or(verdict));
}

void MonitorTalker::publish(const Sign& own) {
  const std::lock_guard lock(shared_->mutex);
  ++shared_->rounds;
  shared_->published = own.standing;
  const std::optional<Verdict>& verdict = shared_->verdict;
  // One that stands still gives signs, and will read what it is blamed for.
  const int lost = verdict && verdict->fault != Fault::still ? verdict->rank : -1;
  shared_->others_need_nobody = std::all_of(watched_.begin(), watched_.end(),
                                            [&](int rank) { return judge_.needs_nobody(rank) || rank == lost; });
  const std::optional<Sign>& zero = shared_->zero;
  if (zero && zero->standing == Standing::parted && !shared_->over) {
    shared_->over = true;
    shared_->awake = true;
  }
  shared_->changed.notify_all();
}

void MonitorTalker::pause() {
  std::unique_lock lock(shared_->mutex);
  const bool hurry = hurry_ || (shared_->is_zero() && (shared_->verdict || shared_->parting));
  const Milliseconds period = hurry ? shared_->limits.beat / kHurry : shared_->limits.beat;
  shared_->changed.wait_for(lock, period, [this] { return shared_->awake || !shared_->progress; });
}

void MonitorTalker::lost(const std::string& error) {
  const std::lock_guard lock(shared_->mutex);
  if (!shared_->progress || shared_->over) return;
  const std::string reason = shortened(error.substr(0, error.find('\n')), 200);
  shared_->accept({Fault::ended, 0, Exit::peer,
                   shared_->is_zero()
                       ? fmt::format("the store that keeps the ranks together has gone ({})", reason)
                       : fmt::format("{} has gone{} ({})", shared_->keeper(), last_seen(shared_->zero), reason)});
}

}  // namespace selfsup::distributed
