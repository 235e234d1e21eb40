// How many threads this process may use. Knows no configuration.
#pragma once

namespace selfsup::config {

// Processors that affinity and the cgroup's quota allow, at least 1.
int allowed_cores();

// Threads of the training step: `asked` if above 0, else OMP_NUM_THREADS, else the allowed cores shared by the ranks of
// this machine.
int training_threads(long asked, int local_ranks);

}  // namespace selfsup::config
