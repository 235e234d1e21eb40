// Which of the GPUs that it sees a rank takes, so that no two take one. Knows no driver and no tensor.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "distributed/group.h"

namespace selfsup::distributed {

// seen[r]: names of the GPUs that rank r sees, equal for equal GPUs and for no others, whatever machine they are in.
// Returns by rank a place in its list. A rank takes the first of its GPUs that no rank before it has; so ranks that see
// the same ones take them in order, and one that was granted its own takes that. Where none is left, ranks before it
// make room, if they see others. Error(usage) where that does not help: which ranks see what, and the remedy.
std::vector<size_t> assign_gpus(const std::vector<std::vector<std::string>>& seen);

// This rank's, of those that it sees. Called by every rank; the error is the same on all.
size_t own_gpu(const Group& group, const std::vector<std::string>& seen);

}  // namespace selfsup::distributed
