// SPDX-License-Identifier: Apache-2.0
// Batch norm over [N, C] or [N, C, …], synchronised among ranks or not, with torch's parameter layout.
#pragma once
#include "ssp/cpp/call.hpp"
#include "ssp/cpp/scope.hpp"

namespace ssp {
inline namespace v0 {
namespace nn {

// Over the rows of this rank, of all ranks, or as the run's configuration says.
enum class Sync : uint32_t { local = SSP_SYNC_LOCAL, ranks = SSP_SYNC_RANKS, as_run = SSP_SYNC_AS_RUN };

struct BatchNorm {
  Tensor weight, bias, mean, var, count;
  double momentum, eps;
  Sync sync;
  BatchNorm(const Scope& s, int64_t channels, bool affine = true, Sync sync_ = Sync::as_run, double momentum_ = 0.1,
            double eps_ = 1e-5, double initial_weight = 1)
      : momentum(momentum_), eps(eps_), sync(sync_) {
    const uint32_t roles = SSP_ROLE_NORM | SSP_ROLE_LARS_EXCLUDE;
    if (affine) {
      weight = s.parameter("weight", {channels}, Init::constant(initial_weight), roles);
      bias = s.parameter("bias", {channels}, Init::zeros(), roles);
    }
    mean = s.buffer("running_mean", {channels}, Init::zeros());
    var = s.buffer("running_var", {channels}, Init::ones());
    count = s.buffer("num_batches_tracked", {}, Init::zeros(), i64);
  }
  // Train or eval as the call says; in train the running statistics move also without gradients.
  Tensor operator()(const Tensor& x, const Call& call) const {
    const ssp_batch_norm_args args = {sizeof(ssp_batch_norm_args),
                                      static_cast<uint32_t>(sync),
                                      x.handle(),
                                      weight.handle(),
                                      bias.handle(),
                                      mean.handle(),
                                      var.handle(),
                                      count.handle(),
                                      momentum,
                                      eps};
    ssp_tensor out{0};
    check(detail::batch_norm().forward(call.raw(), &args, &out));
    return Tensor(out);
  }
};

}  // namespace nn
}  // namespace v0
}  // namespace ssp
