// The local launcher: starts the ranks of one machine as processes of the same program, watches them, and ends all when
// one fails. Needs no LibTorch, so that it stays small beside them. Knows no training.
#pragma once
#include <string>
#include <vector>

#include "launch/ranks.h"

namespace selfsup::launch {

// program: the executable. words: the command line of each rank, the launcher's own flags (Asked) already taken out.
// Ranks are told who they are by the environment: RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE, MASTER_ADDR,
// MASTER_PORT, SELFSUP_LAUNCHER=local, SELFSUP_JOB and, rank 0, SELFSUP_LISTENER (a descriptor).
//
// Returns the exit code of the whole: that of the rank that failed first, by the order in which this process learns of
// it; 76 when a signal killed it. The others get SIGTERM and, after a grace, SIGKILL. The launcher's own death kills
// the ranks. SIGTERM, SIGINT, SIGUSR1 go on to all ranks. Error(usage) before anything is started.
int run_ranks(const std::string& program, const std::vector<std::string>& words, const Asked& asked,
              const Stated& stated);

}  // namespace selfsup::launch
