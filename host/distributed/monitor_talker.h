// The thread of a rank's monitor that writes its signs into the store and reads the others'; it may hang there. Ends no
// process.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <c10/util/intrusive_ptr.h>
#include "distributed/monitor_judge.h"
#include "distributed/monitor_shared.h"
#include "distributed/monitor_signs.h"

namespace c10d {
class Store;
}

namespace selfsup::distributed {

class MonitorTalker {
 public:
  explicit MonitorTalker(std::shared_ptr<MonitorShared> shared);
  void run();  // until the monitor is gone, or the store is, or rank 0 has parted

 private:
  void connect();
  bool round();        // whether there is to be another one
  std::string read();  // what stands under the verdict's key; the signs go to the judge
  void meet(const Sign& sign, int rank);
  void decide(const Sign& own);
  void propose(const Verdict& verdict);  // the first one wins, whoever gives it
  void publish(const Sign& own);
  void pause();
  void lost(const std::string& error);

  std::shared_ptr<MonitorShared> shared_;
  c10::intrusive_ptr<c10d::Store> store_;
  WatchedTime time_;
  Judge judge_;  // rank 0's: of all; the others' of rank 0
  std::vector<std::string> keys_;
  std::vector<int> watched_;  // whose signs are read
  uint64_t beat_ = 0;
  size_t met_ = 0;  // of them
  bool hurry_ = true;
};

}  // namespace selfsup::distributed
