// Small tools that optimizers share: subsets of tensor lists, and taking saved state by name. Knows no optimizer.
#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "train/optimizers/optimizer.h"

namespace selfsup::train {

std::vector<at::Tensor> pick(const std::vector<at::Tensor>& from, const std::vector<size_t>& members);
std::vector<at::Tensor> gather_gradients(const std::vector<at::Tensor>& params, const std::vector<size_t>& members);

// Copies `from` into the tensors of `into` that have the same names. Every name of `from` must be in `into`, with the
// same shape and dtype, and unless `partial` the other way round; else Error(checkpoint) and nothing is copied.
void copy_state(const StateDict& into, const StateDict& from, bool partial);

}  // namespace selfsup::train
