// Batch normalisation over the rows of all ranks (Ioffe & Szegedy 2015), in training. Knows no plugin and no model.
#pragma once
#include <optional>

#include "distributed/group.h"

namespace selfsup::distributed {

struct BatchNormArguments {
  std::optional<at::Tensor> weight, bias;               // [C]
  std::optional<at::Tensor> running_mean, running_var;  // [C], both or none; they move towards this batch's, in place
  double momentum, eps;
};

// x: [N, C] or [N, C, …], where N may differ among ranks and be 0 on some. One all-gather forward (count, mean and sum
// of squared distances of each channel, combined as by Chan et al. 1979) and one all-reduce backward. The running
// variance takes the unbiased one over all rows. Gradients of weight and bias are sums over the own rows. The group
// outlives every backward pass, which meets those of differentiable.h in the order that is told there; there is no
// second derivative.
at::Tensor batch_norm(const Group& group, const at::Tensor& x, const BatchNormArguments& arguments);

}  // namespace selfsup::distributed
