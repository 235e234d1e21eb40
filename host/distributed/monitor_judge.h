// Decides from the ranks' signs who has gone or stands still. Knows no store and no thread, and no clock but what it is
// told.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "distributed/monitor.h"
#include "distributed/monitor_signs.h"

namespace selfsup::distributed {

// Time as far as somebody has watched: of what lies between two looks no more than `longest` counts. A process that was
// stopped itself, or got no turn, holds nobody else's silence in that time against them.
class WatchedTime {
 public:
  using Clock = std::chrono::steady_clock;  // no date and no change of the date matters

  explicit WatchedTime(std::chrono::milliseconds longest) : longest_(longest), last_(Clock::now()) {}
  std::chrono::milliseconds look(Clock::time_point now = Clock::now());

 private:
  Clock::duration longest_;
  Clock::time_point last_;
  Clock::duration watched_{0};
};

class Judge {
 public:
  using Time = std::chrono::milliseconds;  // watched; it never goes back

  // Of ranks 0 .. count - 1, whose silence counts from `now`.
  Judge(int count, const Limits& limits, Time now);

  void see(int rank, const Sign& sign, Time now);  // a sign that was seen before changes nothing
  void ended(int rank);                            // its process is known to have ended

  // Who has ended, or has given no sign for longer than `limit`. With a limit below that of the run somebody's
  // operations with the others fail, so that one has gone: it is who has been silent longest.
  std::optional<Verdict> gone(Time now, Time limit) const;
  // Who stands still: the rank that is behind all others, for those wait for it. Where several are equally far behind,
  // all of them are named, if all stand for longer than the limit. That is `still` where it is given. Else setting up,
  // saving, evaluating and the end are not judged; the first step of each rank has ten minutes; a phase of later ones
  // has a minute, or ten times the longest that the rank which was waited for has needed so far.
  // Asked once a beat.
  std::optional<Verdict> still(Time now);

  Time oldest_sign(Time now) const;   // its age, of those whose signs matter; 0: of nobody
  bool suspected() const;             // some rank's sign says that
  bool needs_nobody(int rank) const;  // has parted, fails by itself, or knows; or has ended
  Identity identity(int rank) const;  // as far as it is known
  const std::optional<Sign>& sign(int rank) const { return ranks_[static_cast<size_t>(rank)].sign; }

 private:
  struct Rank {
    std::optional<Sign> sign;
    Time seen, moved;                   // when its beat, and its count, last changed
    std::optional<int64_t> first_iter;  // of its first step here
    bool ended = false, awaited = false;
  };
  // Ranks for which the others may be waiting; none while nobody can tell.
  std::vector<int> behind() const;
  bool after_first_step(const Rank& rank) const;         // in a later one
  std::optional<Time> limit_of(const Rank& rank) const;  // none: not judged

  Limits limits_;
  std::vector<Rank> ranks_;
  Time longest_{0};  // that a phase of a step has taken while others may have waited for it
};

}  // namespace selfsup::distributed
