// Runs `train --launcher local`: gives the launcher the words of its ranks. Knows no LibTorch and no socket.
#pragma once
#include "cli/command_line.h"

namespace selfsup {

// Reads the configuration for the port that it may state, and runs the ranks of this machine. Returns the exit code of
// them all. Error(usage).
int run_local_ranks(const cli::CommandLine& line);

}  // namespace selfsup
