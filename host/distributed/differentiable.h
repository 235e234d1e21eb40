// Collectives through which gradients flow. Knows no plugin and no model.
//
// Each maps one tensor linearly, so that its gradient is a collective too, and gradients of gradients follow.
// Backward's collectives meet in the same order on every rank. Autograd runs the nodes of one device in descending
// order of their creation: what must come before a node was made after it, and of nodes that are ready the youngest
// goes first. So they come in the reverse order of forward's, whatever else each rank's graph holds. A rank whose loss
// does not depend on the result of one that the others' losses depend on leaves those waiting; times 0 is enough.
#pragma once
#include "distributed/group.h"

namespace selfsup::distributed {

// What flows back through gather_rows.
enum class GatherGradient {
  none,
  local_slice,    // the own slice of the own gradient: the other ranks' rows are constants
  reduce_scatter  // the own slice of the sum over ranks: the gradient of the sum of all ranks' losses
};

// The group outlives every backward pass through the results, which are tensors of their own.

// [n, …] on each rank, of equal sizes -> [world * n, …] in the order of ranks.
at::Tensor gather_rows(const Group& group, const at::Tensor& rows, GatherGradient gradient);

// The sum or mean over ranks, with the gradient of the sum of all ranks' losses.
at::Tensor reduce(const Group& group, const at::Tensor& tensor, Reduce how);

}  // namespace selfsup::distributed
