// The local launcher: starts the ranks of one machine as processes of the same program, watches them, and ends all when
// one fails. Needs no LibTorch, so that it stays small beside them. Knows no training.
#pragma once
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "launch/ranks.h"
#include "launch/team.h"

namespace selfsup::launch {

// Why ranks are started, for their words.
enum class Begin {
  first,   // as the user has said
  again,   // after a loss, and no checkpoint has become whole since the first start
  onward,  // after a loss, from the newest checkpoint
};

struct Local {
  std::string program;
  // The command line of each rank, the launcher's own flags (Asked) already taken out.
  std::function<std::vector<std::string>(Begin)> words;
  Grace grace;
  std::chrono::milliseconds back_off{1000};  // before the first restart since a checkpoint; twice as long each time
};

// Ranks are told who they are by the environment: RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE, MASTER_ADDR,
// MASTER_PORT, SELFSUP_LAUNCHER=local, SELFSUP_JOB and, rank 0, SELFSUP_COMMITS (commits.h) and, where all ranks are on
// one machine and there are several, SELFSUP_LISTENER (a descriptor). Their standard input is empty.
//
// Returns the exit code of the whole: that of the rank that failed first, by the order in which this process learns of
// it, 76 when a signal killed it; 75 or 130 if they stopped and saved. The others get SIGTERM and, after a grace,
// SIGKILL. The launcher's own death kills the ranks. SIGTERM, SIGINT, SIGHUP, SIGUSR1 and SIGUSR2 go on to all ranks,
// each time; SIGINT and SIGHUP not where they were ignored before. SIGTSTP stops the ranks and then this process,
// SIGCONT lets them go on.
//
// Asked::max_restarts: after a loss (76) all ranks start again, as the same job with the number of the attempt; not
// after an error, not after SIGTERM or SIGINT, and not after three restarts in a row without a new checkpoint. On one
// machine only.
//
// In a process of one thread. Error(usage) before anything is started.
int run_ranks(const Local& local, const Asked& asked, const Stated& stated);

}  // namespace selfsup::launch
