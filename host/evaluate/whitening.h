// PCA whitening: rows turned to their principal components, each of deviation 1. Knows no labels.
#pragma once
#include <ATen/core/Tensor.h>

namespace selfsup::evaluate {

// What makes raw pixels a strong baseline: without it, the few directions in which images vary most (brightness) decide
// which ones are near.
class Whitening {
 public:
  // rows [N, D] to be fitted to; keeps the `components` of largest variance, fewer where the rows have fewer.
  Whitening(const at::Tensor& rows, int64_t components);
  at::Tensor operator()(const at::Tensor& rows) const;  // [M, D] -> f32 [M, components], on the CPU

 private:
  at::Tensor mean_, turn_;  // [1, D], [D, components]
};

}  // namespace selfsup::evaluate
