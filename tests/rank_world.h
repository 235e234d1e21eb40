// The world of ranks that are processes, on loopback.
#pragma once
#include <memory>

#include "distributed/reducer.h"
#include "distributed/world.h"
#include "launch/ranks.h"
#include "processes.h"

namespace selfsup::test {

inline launch::Ranks ranks_of(const RankPlace& place) {
  launch::Ranks ranks;
  ranks.launcher = launch::Launcher::local;
  ranks.rank = ranks.local_rank = place.rank;
  ranks.world = ranks.local_world = place.world;
  ranks.job = place.job;
  return ranks;
}

inline launch::Meeting meeting_of(const RankPlace& place) {
  launch::Meeting meeting;
  meeting.address = "127.0.0.1";
  meeting.port = place.port;
  meeting.listener = place.listener;
  return meeting;
}

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
    return std::make_unique<distributed::World>(ranks_of(place), meeting_of(place), place.patience);
  }

  std::unique_ptr<distributed::World> world_;
};

}  // namespace selfsup::test
