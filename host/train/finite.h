// Looks for what is not finite. Knows no optimizer and no name.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstddef>
#include <optional>
#include <vector>

namespace selfsup::train {

// The first tensor that holds a NaN or an infinity, by its place; all are on one device, for which this waits.
std::optional<size_t> first_not_finite(const std::vector<at::Tensor>& tensors);

}  // namespace selfsup::train
