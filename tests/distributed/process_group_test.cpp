// Collectives of processes over gloo, and what becomes of them when a process ends.
#include "distributed/process_group.h"

#include <signal.h>

#include <cstdlib>

#include <catch2/catch.hpp>

#include "base/errors.h"
#include "device/driver.h"
#include "distributed/support/processes.h"

namespace selfsup::distributed {

using namespace testing;
using Catch::Contains;

TEST_CASE("every operation of a group, over 1 to 4 processes") {
  const int world = GENERATE(1, 2, 3, 4);
  CAPTURE(world);
  Port port;
  std::vector<Process> ranks = start_all("collectives", world, port);
  for (const End& end : ends_of(ranks)) {
    CAPTURE(end.output);
    CHECK(end.code == 0);
    CHECK_THAT(end.output, Contains("collectives hold"));
  }
}

TEST_CASE("every operation of a group on a GPU: over NCCL, and over gloo where two ranks share it") {
  if (device::ask_driver().gpus.empty() || !device::open_cuda_module().table) {
    WARN("this machine has no GPU that can be used");
    return;
  }
  const bool shared = GENERATE(false, true);
  CAPTURE(shared);
  shared ? setenv("SELFSUP_SHARE_GPU", "1", 1) : unsetenv("SELFSUP_SHARE_GPU");
  Port port;
  std::vector<Process> ranks = start_all("collectives", shared ? 2 : 1, port, {"device=cuda"});
  unsetenv("SELFSUP_SHARE_GPU");
  for (const End& end : ends_of(ranks)) {
    CAPTURE(end.output);
    CHECK(end.code == 0);
    CHECK_THAT(end.output, Contains("collectives hold"));
  }
}

TEST_CASE("a rank that is killed ends the others' operations, with one line") {
  const size_t victim = GENERATE(0, 2);
  CAPTURE(victim);
  Port port;
  std::vector<Process> ranks = start_all("loop", 3, port);
  for (Process& rank : ranks) rank.read_until("looping");
  ranks[victim].signal(SIGKILL);
  for (size_t rank = 0; rank < 3; ++rank) {
    const End end = ranks[rank].end();
    CAPTURE(rank, end.output);
    if (rank == victim) {
      CHECK(end.code == 128 + SIGKILL);
      continue;
    }
    CHECK(end.code == static_cast<int>(Exit::peer));
    CHECK_THAT(end.output, Contains("all_reduce with the other ranks failed: "));
  }
}

TEST_CASE("a rank that stands still ends the others' operations when their time is over") {
  Port port;
  std::vector<Process> ranks = start_all("loop", 2, port, {}, 15'000);
  for (Process& rank : ranks) rank.read_until("looping");
  ranks[1].signal(SIGSTOP);
  const End end = ranks[0].end();
  CAPTURE(end.output);
  CHECK(end.code == static_cast<int>(Exit::peer));
  CHECK_THAT(end.output, Contains("all_reduce with the other ranks failed: "));
}

}  // namespace selfsup::distributed
