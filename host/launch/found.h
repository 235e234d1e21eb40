// What each launcher leaves in the environment of its ranks. Knows no command line and no meeting.
#pragma once
#include <string>

#include "launch/ranks.h"
#include "launch/variables.h"

namespace selfsup::launch {

// Read, and not yet compared with one another.
struct Found {
  Number rank, world, local_rank, local_world;
  std::string job, job_from;
};

// Whether it has left anything; then all that is needed must be there.
bool present(Launcher launcher, const Environment& environment);
// What tells it, for messages: "RANK and WORLD_SIZE".
const char* sign_of(Launcher launcher);
// What to do about variables of its that cannot be meant.
const char* remedy_of(Launcher launcher);

// Not of Launcher::none. local_rank_flag: --local-rank, for where LOCAL_RANK is missing. Error(usage).
Found read_found(Launcher launcher, const Environment& environment, std::optional<int64_t> local_rank_flag);

}  // namespace selfsup::launch
