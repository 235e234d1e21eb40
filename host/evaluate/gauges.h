// How far features have collapsed. Knows no labels and no algorithm.
#pragma once
#include <ATen/core/Tensor.h>

namespace selfsup::evaluate {

struct Gauges {
  // Mean deviation of unit-length features over the rows times sqrt(D): near 1 when spread, 0 when collapsed.
  double feature_std = 0;
  double effective_rank = 0;  // exp(entropy of the singular values' shares), at most D
};
Gauges gauges_of(const at::Tensor& features);  // [N,D]

}  // namespace selfsup::evaluate
