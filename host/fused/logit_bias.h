// What is added to the logits of a batch: where each sample's part lies, and the gradient, summed over what was
// broadcast. Knows no attention.
#pragma once
#include "fused/blocks.h"

namespace selfsup::fused {

class BatchBias {
 public:
  // bias: f32, broadcasts to [batch, heads, queries, keys]; or undefined.
  BatchBias(const at::Tensor& bias, int64_t batch, int64_t heads, int64_t queries, int64_t keys);
  LogitBias from(int64_t sample) const;  // of this one and those that follow
  // gradient [as bias, contiguous, f64] += dlogits [samples, heads, queries, keys] of samples first, first + 1, … A
  // bias of the keys alone has a term for each sample, head and query: too many for a sum in f32.
  void add_gradient(const float* dlogits, int64_t first, int64_t samples, const at::Tensor& gradient) const;

 private:
  at::Tensor bias_;  // broadcast, without memory of its own
  int64_t heads_, queries_, keys_;
};

}  // namespace selfsup::fused
