// A world of processes from meeting to parting, and the world of one.
#include "distributed/world.h"

#include <signal.h>
#include <unistd.h>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

#include <catch2/catch.hpp>
#include <optional>

#include "distributed/support/rank_bodies.h"
#include "rank_world.h"

namespace selfsup::distributed {
namespace {

using Catch::Contains;

// Rank 1 goes without a word, or stops if the argument says so; the others leave while it is waited for.
const test::RankBody departs("departs", [](const test::RankPlace& place) {
  std::optional<World> world(std::in_place, test::ranks_of(place), test::meeting_of(place), place.patience);
  world->group().highest(1);
  if (place.rank == 1) {
    testing::say("going");
    if (place.argument == "stops") raise(SIGSTOP);
    _exit(0);
  }
  const auto later = world->group().highest_later(3);
  world.reset();
  testing::say("parted");
});

}  // namespace

TEST_CASE("one process meets nobody and listens nowhere") {
  const World world;
  CHECK(world.group().world() == 1);
  CHECK(world.plugins().highest(3) == 3);
  CHECK(!world.rendezvous());
  CHECK(!world.process_group());
}

TEST_CASE("a run on one machine listens on loopback alone") {
  const std::vector<test::RankEnd> ends = test::run_ranks(testing::listens, 2, {});
  for (size_t rank = 0; rank < 2; ++rank) {
    const std::string& text = ends[rank].text;
    INFO(text);
    CHECK(ends[rank].exit == 0);
    size_t listeners = 0;
    for (size_t at = 0; (at = text.find("listens ", at)) != std::string::npos; ++listeners)
      CHECK(text.compare(at += 8, 10, "127.0.0.1\n") == 0);
    CHECK(listeners == (rank == 0 ? 3 : 2));  // gloo's, of both groups, and the store
  }
}

TEST_CASE("who leaves does not wait for ranks that have gone, or that stand still") {
  test::RankPlace place;
  place.argument = GENERATE("goes", "stops");
  test::Port port;
  std::vector<test::RankProcess> ranks = start_ranks(departs, 3, port, place);
  ranks[1].read_until("going");
  for (const size_t rank : {0, 2}) {
    const test::RankEnd end = ranks[rank].end();
    INFO(end.text);
    CHECK(end.exit == 0);
    CHECK_THAT(end.text, Contains("parted"));
  }
}

}  // namespace selfsup::distributed
