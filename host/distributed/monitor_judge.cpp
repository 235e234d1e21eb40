#include "distributed/monitor_judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace selfsup::distributed {
namespace {

using Time = Judge::Time;

constexpr Time kStep = std::chrono::minutes(1), kFirstStep = std::chrono::minutes(10);
constexpr int kTimesLongest = 10;
constexpr size_t kNamed = 8;  // ranks; of more their number is told

std::pair<int64_t, Phase> position(const Sign& sign) { return {sign.at.iter, sign.at.phase}; }

bool is_of_a_step(Phase phase) {
  switch (phase) {
    case Phase::data:
    case Phase::forward:
    case Phase::backward:
    case Phase::gradients:
    case Phase::update:
    case Phase::updated:
    case Phase::log:
      return true;
    case Phase::setup:
    case Phase::ready:
    case Phase::epoch_end:
    case Phase::save:
    case Phase::over:
    case Phase::evaluate:
    case Phase::epoch_begin:
    case Phase::end:
      break;
  }
  return false;
}

std::string seconds(Time time) { return fmt::format("{:.1f} s", std::chrono::duration<double>(time).count()); }

bool takes_part(Standing standing) { return standing == Standing::running || standing == Standing::suspects; }

// "rank 3 on HOST (process 12), and ranks 4, 5"
std::string all_names(const std::vector<int>& ranks, const Identity& first) {
  std::string text = name_of(first);
  if (ranks.size() == 1) return text;
  if (ranks.size() > kNamed) return fmt::format("{}, and {} more ranks", text, ranks.size() - 1);
  text += ranks.size() == 2 ? ", and rank" : ", and ranks";
  for (size_t i = 1; i < ranks.size(); ++i) text += fmt::format("{} {}", i == 1 ? "" : ",", ranks[i]);
  return text;
}

}  // namespace

Time WatchedTime::look(Clock::time_point now) {
  watched_ += std::clamp<Clock::duration>(now - last_, Clock::duration{0}, longest_);
  last_ = now;
  return std::chrono::duration_cast<Time>(watched_);
}

Judge::Judge(int count, const Limits& limits, Time now)
    : limits_(limits), ranks_(static_cast<size_t>(count), Rank{{}, now, now, {}}) {}

void Judge::see(int rank, const Sign& sign, Time now) {
  Rank& known = ranks_[static_cast<size_t>(rank)];
  if (known.sign && known.sign->beat == sign.beat) return;
  if (!known.first_iter && sign.at.phase != Phase::setup) known.first_iter = sign.at.iter;
  if (!known.sign || known.sign->at.count != sign.at.count) {
    if (known.awaited && after_first_step(known)) longest_ = std::max(longest_, now - known.moved);
    known.awaited = false;
    known.moved = now;
  }
  known.sign = sign;
  known.seen = now;
}

void Judge::ended(int rank) { ranks_[static_cast<size_t>(rank)].ended = true; }

std::optional<Verdict> Judge::gone(Time now, Time limit) const {
  const bool suspicion = limit < limits_.silent;
  std::vector<int> missing;
  for (size_t i = 0; i < ranks_.size(); ++i) {
    const Rank& rank = ranks_[i];
    const int number = static_cast<int>(i);
    if (rank.sign && !takes_part(rank.sign->standing)) continue;
    if (rank.ended)
      return Verdict{Fault::ended, number, Exit::peer,
                     fmt::format("{} has ended without a word{}: killed, or out of memory; see its own last lines, and "
                                 "what its machine logs",
                                 name_of(identity(number)), last_seen(rank.sign))};
    if (now - rank.seen > limit) missing.push_back(number);
  }
  if (missing.empty()) return std::nullopt;
  const auto longer_silent = [this](int a, int b) {
    return ranks_[static_cast<size_t>(a)].seen < ranks_[static_cast<size_t>(b)].seen;
  };
  std::stable_sort(missing.begin(), missing.end(), longer_silent);
  const int worst = missing.front();
  const Rank& rank = ranks_[static_cast<size_t>(worst)];
  if (suspicion) missing.resize(1);  // a few beats are little where a machine has much to do
  const std::string verb = missing.size() == 1 ? "gives" : "give";
  const std::string who = all_names(missing, identity(worst));
  const std::string cause = suspicion ? "operations with it fail: its process has ended, or its machine is gone"
                                      : "stopped or swapped out, or its machine or the network is gone";
  return Verdict{Fault::silent, worst, Exit::peer,
                 fmt::format("{} {} no sign of life for {}{}: {}", who, verb, seconds(now - rank.seen),
                             last_seen(rank.sign), cause)};
}

Identity Judge::identity(int rank) const {
  const std::optional<Sign>& known = sign(rank);
  if (known) return known->who;
  Identity nameless;
  nameless.rank = rank;
  return nameless;
}

std::vector<int> Judge::behind() const {
  std::vector<int> result;
  for (size_t i = 0; i < ranks_.size(); ++i) {
    const std::optional<Sign>& sign = ranks_[i].sign;
    if (!sign) return {};
    if (!takes_part(sign->standing)) continue;
    if (!result.empty()) {
      const auto least = position(*ranks_[static_cast<size_t>(result.front())].sign);
      if (position(*sign) > least) continue;
      if (position(*sign) < least) result.clear();
    }
    result.push_back(static_cast<int>(i));
  }
  return result;
}

bool Judge::after_first_step(const Rank& rank) const {
  return is_of_a_step(rank.sign->at.phase) && rank.first_iter && rank.sign->at.iter > *rank.first_iter;
}

std::optional<Time> Judge::limit_of(const Rank& rank) const {
  if (limits_.still.count() > 0) return limits_.still;
  if (!is_of_a_step(rank.sign->at.phase)) return std::nullopt;
  return after_first_step(rank) ? std::max(kStep, kTimesLongest * longest_) : kFirstStep;
}

std::optional<Verdict> Judge::still(Time now) {
  const std::vector<int> slowest = behind();
  if (slowest.empty())
    for (Rank& rank : ranks_) rank.moved = now;  // waits for ranks that have not begun
  Time shortest = Time::max();
  bool too_long = !slowest.empty();
  for (const int number : slowest) {
    Rank& rank = ranks_[static_cast<size_t>(number)];
    rank.awaited = true;
    const auto limit = limit_of(rank);
    too_long = too_long && limit && now - rank.moved > *limit;
    shortest = std::min(shortest, now - rank.moved);
  }
  if (!too_long) return std::nullopt;
  const Sign& first = *ranks_[static_cast<size_t>(slowest.front())].sign;
  const bool all = slowest.size() == ranks_.size();
  const std::string who = all ? fmt::format("all {} ranks", ranks_.size()) : all_names(slowest, first.who);
  const std::string verb = slowest.size() == 1 ? "stands" : "stand";
  const std::string others = all ? "" : ", and the other ranks wait";
  return Verdict{Fault::still, slowest.front(), Exit::peer,
                 fmt::format("{} {} still {}, without progress for {}{}; if that can take longer, give "
                             "env_cfg.dist_cfg.timeout in seconds",
                             who, verb, place_of(first), seconds(shortest), others)};
}

Time Judge::oldest_sign(Time now) const {
  Time oldest{0};
  for (const Rank& rank : ranks_)
    if (!rank.sign || takes_part(rank.sign->standing)) oldest = std::max(oldest, now - rank.seen);
  return oldest;
}

bool Judge::suspected() const {
  return std::any_of(ranks_.begin(), ranks_.end(),
                     [](const Rank& rank) { return rank.sign && rank.sign->standing == Standing::suspects; });
}

bool Judge::needs_nobody(int rank) const {
  const Rank& known = ranks_[static_cast<size_t>(rank)];
  return known.ended || (known.sign && !takes_part(known.sign->standing));
}

}  // namespace selfsup::distributed
