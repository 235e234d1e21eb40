#include "distributed/world.h"

#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "distributed/process_group.h"
#include "distributed/single_process.h"

namespace selfsup::distributed {

using std::chrono::milliseconds;

milliseconds World::patience(const launch::Meeting& meeting, milliseconds timeout) {
  // Several machines may be started by hand, one after the other.
  return std::min(timeout, milliseconds(meeting.one_machine ? 60'000 : 300'000));
}

World::World() : group_(std::make_unique<SingleProcess>()), plugins_(std::make_unique<SingleProcess>()) {}

World::World(const launch::Ranks& ranks, const launch::Meeting& meeting, milliseconds timeout)
    : World(ranks, std::make_shared<const Rendezvous>(ranks, meeting, patience(meeting, timeout)), timeout) {}

World::World(const launch::Ranks& ranks, std::shared_ptr<const Rendezvous> rendezvous, milliseconds timeout)
    : ranks_(ranks), timeout_(timeout), rendezvous_(std::move(rendezvous)) {
  // NCCL listens too, and chooses interfaces of its own accord unless it is told; the user's word goes first.
  setenv("NCCL_SOCKET_IFNAME", ("=" + rendezvous_->interface()).c_str(), /*overwrite=*/0);
  const auto make = [&](const std::string& name) {
    return std::make_unique<ProcessGroup>(name, rendezvous_->store(name, timeout), ranks.rank, ranks.world,
                                          rendezvous_->interface(), timeout);
  };
  group_ = make("host");
  plugins_ = make("plugins");
}

World::~World() = default;

const Group& World::group() const { return *group_; }
const Group& World::plugins() const { return *plugins_; }

void World::add_device(c10::DeviceType type, const BackendMaker& maker) {
  if (!rendezvous_) return;
  for (const auto& [name, group] : {std::pair("host", group_.get()), std::pair("plugins", plugins_.get())}) {
    const std::string purpose = std::string(name) + "/" + c10::DeviceTypeName(type, /*lower_case=*/true);
    static_cast<ProcessGroup&>(*group).add_device(type, maker, rendezvous_->store(purpose, timeout_));
  }
}

bool World::lost_others() const {
  if (!rendezvous_) return false;
  const auto lost = [](const Group& group) { return static_cast<const ProcessGroup&>(group).lost(); };
  return lost(*group_) || lost(*plugins_);
}

c10::intrusive_ptr<c10d::ProcessGroup> World::process_group() const {
  return rendezvous_ ? static_cast<const ProcessGroup&>(*group_).c10d_group() : nullptr;
}

}  // namespace selfsup::distributed
