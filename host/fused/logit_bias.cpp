#include "fused/logit_bias.h"

namespace selfsup::fused {

BatchBias::BatchBias(const at::Tensor& bias, int64_t batch, int64_t heads, int64_t queries, int64_t keys)
    : heads_(heads), queries_(queries), keys_(keys) {
  if (!bias.defined()) return;
  bias_ = bias.expand({batch, heads, queries, keys});
  if (bias_.stride(3) > 1) bias_ = bias.contiguous().expand({batch, heads, queries, keys});
}

LogitBias BatchBias::from(int64_t sample) const {
  if (!bias_.defined()) return {};
  return {floats_of(bias_) + sample * bias_.stride(0), bias_.stride(0), bias_.stride(1), bias_.stride(2),
          bias_.stride(3)};
}

void BatchBias::add_gradient(const float* dlogits, int64_t first, int64_t samples, const at::Tensor& gradient) const {
  const at::Tensor to = gradient.expand(bias_.sizes());
  double* const data = data_of<double>(to);
  for (int64_t sample = first; sample < first + samples; ++sample)
    for (int64_t head = 0; head < heads_; ++head)
      for (int64_t query = 0; query < queries_; ++query, dlogits += keys_) {
        double* row = data + sample * to.stride(0) + head * to.stride(1) + query * to.stride(2);
        if (to.stride(3) == 0)
          for (int64_t key = 0; key < keys_; ++key) *row += static_cast<double>(dlogits[key]);
        else
          for (int64_t key = 0; key < keys_; ++key) row[key] += static_cast<double>(dlogits[key]);
      }
}

}  // namespace selfsup::fused
