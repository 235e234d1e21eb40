// All processes of a run, from meeting to parting: the groups that they talk in. Knows no algorithm, no data, no file.
#pragma once
#include <c10/core/DeviceType.h>
#include <c10/util/intrusive_ptr.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "distributed/group.h"
#include "distributed/rendezvous.h"
#include "launch/ranks.h"

namespace c10d {
class Backend;
class ProcessGroup;
class Store;
}  // namespace c10d

namespace selfsup::distributed {

// Makes what carries tensors of a device: NCCL, of the CUDA module.
using BackendMaker =
    std::function<c10::intrusive_ptr<c10d::Backend>(const c10::intrusive_ptr<c10d::Store>&, int rank, int world)>;

class World {
 public:
  World();  // one process, which meets nobody
  // Waits until all are there and connected, a minute on one machine and five on several, though not longer than
  // `timeout`, which is that of a collective. One rank is a world too. Error as of Rendezvous and ProcessGroup. In the
  // main thread, before others: it sets variables of the environment for NCCL.
  World(const launch::Ranks& ranks, const launch::Meeting& meeting, std::chrono::milliseconds timeout);
  // The same for ranks that have met already, so that somebody may watch them while they connect.
  World(const launch::Ranks& ranks, std::shared_ptr<const Rendezvous> rendezvous, std::chrono::milliseconds timeout);
  // How long ranks wait for one another to come.
  static std::chrono::milliseconds patience(const launch::Meeting& meeting, std::chrono::milliseconds timeout);
  ~World();  // parts without the others: does not wait for ranks that have gone
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  const launch::Ranks& ranks() const { return ranks_; }
  const Group& group() const;    // the host's: tensors of the CPU (gloo), and of what add_device has added
  const Group& plugins() const;  // of ssp.dist and batch norm: theirs never meet the host's
  // Before the first tensor of that device is given to a group. An empty maker: gloo carries the device's tensors,
  // through the host's memory; several ranks may share a GPU so.
  void add_device(c10::DeviceType type, const BackendMaker& maker);

  // Whether an operation with the others has failed, whatever error came of it in the end.
  bool lost_others() const;

  // null in one process:
  const Rendezvous* rendezvous() const { return rendezvous_.get(); }
  c10::intrusive_ptr<c10d::ProcessGroup> process_group() const;  // that of group(), for the Reducer

 private:
  launch::Ranks ranks_;
  std::chrono::milliseconds timeout_{0};
  std::shared_ptr<const Rendezvous> rendezvous_;
  std::unique_ptr<Group> group_, plugins_;
};

}  // namespace selfsup::distributed
