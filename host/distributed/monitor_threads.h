// The two threads of one rank's monitor: the talker writes and reads signs in the store, where it may hang; the guard
// waits for nobody, and ends the process. Knows no rendezvous and no tensor.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include <c10/util/intrusive_ptr.h>
#include "base/errors.h"
#include "distributed/monitor.h"
#include "distributed/progress.h"

namespace c10d {
class Store;
}

namespace selfsup::distributed {

struct MonitorShared;

class MonitorThreads {
 public:
  using Connect = std::function<c10::intrusive_ptr<c10d::Store>()>;

  // As Monitor. connect: a connection to the store for the talker alone; its operations may take as long as they like,
  // for the guard's limits are what counts: a connection that gives up by a clock would do so after a suspension. Waits
  // for the connection as long as for any sign of life. The progress outlives it.
  MonitorThreads(Connect connect, int rank, int world, const Progress& progress, const Limits& limits,
                 std::function<void(const std::string& text)> on_verdict);
  ~MonitorThreads();
  MonitorThreads(const MonitorThreads&) = delete;
  MonitorThreads& operator=(const MonitorThreads&) = delete;

  void tell_failure(Exit exit, const std::string& text) noexcept;
  Error blame(const std::string& what) noexcept;

 private:
  std::shared_ptr<MonitorShared> shared_;  // outlives a talker that hangs
  std::thread talker_, guard_;
};

}  // namespace selfsup::distributed
