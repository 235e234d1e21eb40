// Small tools that optimizers share: subsets of tensor lists, and judging saved state by name. Knows no optimizer.
#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "train/optimizers/optimizer.h"

namespace selfsup::train {

std::vector<at::Tensor> pick(const std::vector<at::Tensor>& from, const std::vector<size_t>& members);
std::vector<at::Tensor> gather_gradients(const std::vector<at::Tensor>& params, const std::vector<size_t>& members);

// Every name of `saved` must be in `own`, with the same shape and dtype, and unless `partial` the other way round; else
// Error(checkpoint).
void judge_state(const StateDict& own, const StateDict& saved, bool partial);

}  // namespace selfsup::train
