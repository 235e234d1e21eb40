// A world of processes from meeting to parting, and the world of one.
#include "distributed/world.h"

#include <signal.h>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

#include <catch2/catch.hpp>

#include "distributed/support/processes.h"

namespace selfsup::distributed {

using namespace testing;
using Catch::Contains;

TEST_CASE("one process meets nobody and listens nowhere") {
  const World world;
  CHECK(world.group().world() == 1);
  CHECK(world.plugins().highest(3) == 3);
  CHECK(!world.rendezvous());
  CHECK(!world.process_group());
}

TEST_CASE("a run on one machine listens on loopback alone") {
  Port port;
  std::vector<Process> ranks = start_all("listen", 2, port);
  for (size_t rank = 0; rank < 2; ++rank) {
    const End end = ranks[rank].end();
    INFO(end.output);
    CHECK(end.code == 0);
    size_t listeners = 0;
    for (size_t at = 0; (at = end.output.find("listens ", at)) != std::string::npos; ++listeners)
      CHECK(end.output.compare(at += 8, 10, "127.0.0.1\n") == 0);
    CHECK(listeners == (rank == 0 ? 3 : 2));  // gloo's, of both groups, and the store
  }
}

TEST_CASE("who leaves does not wait for ranks that have gone, or that stand still") {
  const std::string mode = GENERATE("leave", "linger");
  Port port;
  std::vector<Process> ranks = start_all(mode, 3, port);
  ranks[1].read_until("going");
  for (const size_t rank : {0, 2}) {
    const End end = ranks[rank].end();
    INFO(end.output);
    CHECK(end.code == 0);
    CHECK_THAT(end.output, Contains("parted"));
  }
}

}  // namespace selfsup::distributed
