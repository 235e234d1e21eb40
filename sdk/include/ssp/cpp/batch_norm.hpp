// SPDX-License-Identifier: Apache-2.0
// Batch norm over [N, C] or [N, C, …], synchronised among ranks or not, with torch's parameter layout.
#pragma once
#include "ssp/cpp/dist.hpp"
#include "ssp/cpp/scope.hpp"

namespace ssp {
inline namespace v0 {
namespace nn {

struct BatchNorm {
  Tensor weight, bias, mean, var, count;
  double momentum, eps;
  dist::Sync sync;
  BatchNorm(const Scope& s, int64_t channels, bool affine = true, dist::Sync sync_ = dist::Sync::as_run,
            double momentum_ = 0.1, double eps_ = 1e-5, double initial_weight = 1)
      : mean(s.buffer("running_mean", {channels}, Init::zeros())),
        var(s.buffer("running_var", {channels}, Init::ones())),
        count(s.buffer("num_batches_tracked", {}, Init::zeros(), i64)),
        momentum(momentum_),
        eps(eps_),
        sync(sync_) {
    if (!affine) return;
    weight = s.parameter("weight", {channels}, Init::constant(initial_weight), SSP_ROLE_NORM | SSP_ROLE_LARS_EXCLUDE);
    bias = s.parameter("bias", {channels}, Init::zeros(), SSP_ROLE_NORM | SSP_ROLE_LARS_EXCLUDE);
  }
  // Train or eval as the call says; in train the running statistics move also without gradients.
  Tensor operator()(const Tensor& x, const Call& call) const {
    ssp_tensor out;
    check(detail::dist().batch_norm(call.raw(), x.handle(), weight.handle(), bias.handle(), mean.handle(), var.handle(),
                                    count.handle(), momentum, eps, static_cast<uint32_t>(sync), &out));
    return Tensor(out);
  }
};

}  // namespace nn
}  // namespace v0
}  // namespace ssp
