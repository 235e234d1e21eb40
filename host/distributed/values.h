// The same on all ranks, tensors and texts: checked, and brought about. Knows no plugin and no backend.
#pragma once
#include <ATen/core/Tensor.h>

#include <string>
#include <utility>
#include <vector>

#include "distributed/group.h"

namespace selfsup::distributed {

// Names, types, shapes and memory layouts, in order. Error(disagree), on all ranks alike, with the first that differs.
void require_same_parameters(const Group& group, const std::vector<std::pair<std::string, at::Tensor>>& parameters);

// Gives every rank rank 0's values, in place, bit by bit, in few messages. The tensors are of any type, shape and
// layout, and of equal types and shapes on all ranks; no gradient is recorded.
void broadcast_values(const Group& group, const std::vector<at::Tensor>& tensors);

// Rank 0's text, on all; what the others give does not matter. They wait for rank 0.
std::string broadcast_text(const Group& group, const std::string& own);

}  // namespace selfsup::distributed
