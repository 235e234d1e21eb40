// The world of the ranks that run_ranks has started, on loopback.
#pragma once
#include <chrono>
#include <memory>

#include "distributed/reducer.h"
#include "distributed/world.h"
#include "launch/ranks.h"
#include "processes.h"

namespace selfsup::test {

class RankWorld {
 public:
  explicit RankWorld(const RankPlace& place) : world_(meet(place)) {}
  const distributed::Group& group() const { return world_->group(); }
  const distributed::Group& plugins() const { return world_->plugins(); }
  std::unique_ptr<distributed::Reducer> reducer(const distributed::NamedParameters& parameters,
                                                const distributed::ReducerOptions& options = {}) const {
    return distributed::make_reducer(*world_, parameters, options);
  }

 private:
  static std::unique_ptr<distributed::World> meet(const RankPlace& place) {
    if (place.world == 1) return std::make_unique<distributed::World>();
    launch::Ranks ranks;
    ranks.launcher = launch::Launcher::local;
    ranks.rank = ranks.local_rank = place.rank;
    ranks.world = ranks.local_world = place.world;
    ranks.job = place.folder.filename();
    launch::Meeting meeting;
    meeting.address = "127.0.0.1";
    meeting.port = place.port;
    meeting.listener = place.listener;
    return std::make_unique<distributed::World>(ranks, meeting, std::chrono::minutes(5));
  }

  std::unique_ptr<distributed::World> world_;
};

}  // namespace selfsup::test
