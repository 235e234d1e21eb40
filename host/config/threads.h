// How many threads this process may use. Knows no configuration.
#pragma once
#include <string>

namespace selfsup::config {

// Processors that affinity and the quotas of the process's cgroup and those above it allow, at least 1. root: the
// folder that holds proc and sys.
int allowed_cores(const std::string& root = "/");

// More than any machine has, and than OpenMP can start.
inline constexpr int kMostThreads = 4096;

// Before LibTorch is opened, whose libraries take the number as it is: Error(usage) for OMP_NUM_THREADS or
// MKL_NUM_THREADS above that.
void check_thread_variables();

// Threads of the training step: `asked` if above 0, else OMP_NUM_THREADS, else the allowed cores shared by the ranks of
// this machine.
int training_threads(long asked, int local_ranks);

}  // namespace selfsup::config
