// The linear probe: ridge regression on standardised features, solved exactly. Knows no algorithm.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace selfsup::evaluate {

// A linear map from features to one score a class. The penalty is the one with the smallest leave-one-out error on the
// training rows, so nothing is tuned on the rows that are judged.
class Ridge {
 public:
  // features [N,D], labels i64 [N] in 0 .. classes-1. Computed in double on the CPU.
  Ridge(const at::Tensor& features, const at::Tensor& labels, int64_t classes);
  at::Tensor predict(const at::Tensor& features) const;  // i64 [M]
  double penalty() const { return penalty_; }

 private:
  at::Tensor mean_, scale_, weights_, bias_;
  double penalty_ = 0;
};

// `count` row numbers, as evenly over the classes as the labels allow, drawn by the key.
std::vector<int64_t> draw_labelled(const at::Tensor& labels, int64_t classes, int64_t count, uint64_t key);

}  // namespace selfsup::evaluate
