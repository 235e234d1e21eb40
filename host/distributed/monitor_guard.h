// The thread of a rank's monitor that waits for nobody: it sees processes end and a store that does not answer, and
// ends this process when there is a verdict. Knows no store.
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>

#include "distributed/monitor_judge.h"
#include "distributed/monitor_shared.h"

namespace selfsup::distributed {

// Beats in which rank 0, whose store ends with it, waits for the others to have read what it holds.
inline constexpr int kLastWords = 3;

class MonitorGuard {
 public:
  explicit MonitorGuard(std::shared_ptr<MonitorShared> shared);
  void run();  // until the monitor is gone, or on_verdict has returned

 private:
  std::chrono::milliseconds check_store();  // how long it may take until the next look
  // A training thread that can end by itself does so: with its own error where every rank has one, or through blame().
  bool is_time() const;

  std::shared_ptr<MonitorShared> shared_;
  WatchedTime time_;
  std::chrono::milliseconds answered_{0};
  uint64_t rounds_ = 0;
  bool store_hangs_ = false;
};

}  // namespace selfsup::distributed
