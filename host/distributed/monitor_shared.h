// What the training thread, the talker and the guard of one rank's monitor share. Knows no store's keys.
#pragma once
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <c10/util/intrusive_ptr.h>
#include "distributed/monitor.h"
#include "distributed/monitor_process.h"
#include "distributed/monitor_signs.h"

namespace selfsup::distributed {

// While somebody looks for who has gone, or waits for the others to know, a beat is divided into so many.
inline constexpr int kHurry = 5;

// Members below the mutex are read and written with it held.
struct MonitorShared {
  using Connect = std::function<c10::intrusive_ptr<c10d::Store>()>;
  using Clock = std::chrono::steady_clock;  // no date matters

  MonitorShared(Connect a_connect, int a_rank, int a_world, const Progress& a_progress, const Limits& all_limits,
                std::function<void(const std::string&)> a_on_verdict)
      : connect(std::move(a_connect)),
        who(this_process(a_rank)),
        world(a_world),
        limits(all_limits),
        on_verdict(std::move(a_on_verdict)),
        progress(&a_progress) {}

  const Connect connect;
  const Identity who;
  const int world;
  const Limits limits;
  const std::function<void(const std::string&)> on_verdict;
  ProcessEnds ends;

  std::mutex mutex;
  std::condition_variable changed;
  // Of the training thread:
  const Progress* progress;  // null: the monitor is gone, and so are its threads as soon as they see it
  Standing standing = Standing::running;
  std::optional<Verdict> telling;
  bool parting = false, awake = false;  // awake: the talker does not wait for its next beat
  // Of the guard:
  std::vector<int> ended;
  // Of the talker:
  std::optional<Verdict> verdict;
  Clock::time_point verdict_at;
  uint64_t rounds = 0;                     // that the store has answered
  Standing published = Standing::running;  // of the last of them
  bool others_need_nobody = false;         // all but one that is lost; rank 0 knows that
  bool over = false;                       // rank 0 has parted
  bool connected = false, talker_gone = false;
  std::optional<Sign> zero;  // the newest sign of rank 0, if this is another one

  // "rank 0 on HOST (process 12), which keeps the ranks together,", as another one knows it. With the mutex held.
  std::string keeper() const {
    return (zero ? name_of(zero->who) : std::string("rank 0")) + ", which keeps the ranks together,";
  }

  bool is_zero() const { return who.rank == 0; }

  // With the mutex held.
  void rouse() {
    awake = true;
    changed.notify_all();
  }
  void accept(const Verdict& one) {
    if (verdict) return;
    verdict = one;
    verdict_at = Clock::now();
    rouse();
    ends.wake();
  }
};

}  // namespace selfsup::distributed
