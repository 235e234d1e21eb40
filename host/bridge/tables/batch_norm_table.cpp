// The table "ssp.batch_norm": LibTorch's own over the rows of one process, else the synchronised one.
#include <ATen/ops/batch_norm.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include "bridge/host_state.h"
#include "bridge/out_struct.h"
#include "bridge/status.h"
#include "bridge/tables/call.h"
#include "bridge/tables/extensions.h"
#include "distributed/batch_norm.h"

namespace selfsup::bridge {
namespace {

std::optional<at::Tensor> maybe(const Handles& handles, ssp_tensor tensor) {
  if (tensor.id == 0) return std::nullopt;
  return handles.peek(tensor);
}

ssp_status forward(ssp_call* call, const ssp_batch_norm_args* args, ssp_tensor* out) {
  return guarded([&] {
    const Call& c = checked(call);
    Handles& handles = c.scope.host.handles;
    require(out != nullptr, SSP_E_ARGUMENT, "batch_norm: out is null");
    const ssp_batch_norm_args a =
        read_in(args, offsetof(ssp_batch_norm_args, eps) + sizeof args->eps, "ssp_batch_norm_args");
    require(a.sync <= SSP_SYNC_AS_RUN, SSP_E_ARGUMENT, "batch_norm: unknown sync");
    require((a.mean.id == 0) == (a.var.id == 0), SSP_E_ARGUMENT,
            "batch_norm: running mean and variance come together or not at all");
    const at::Tensor& x = handles.peek(a.x);
    require(x.dim() >= 2, SSP_E_ARGUMENT, "batch_norm: x must be [N, C] or [N, C, …]");
    const bool from_batch = c.mode == Mode::train || a.mean.id == 0;
    const distributed::Group& group = c.scope.host.group();
    const bool asked =
        a.sync == SSP_SYNC_RANKS || (a.sync == SSP_SYNC_AS_RUN && c.scope.host.environment.sync_batch_norm);
    const bool over_ranks = c.mode == Mode::train && asked && group.world() > 1;
    if (from_batch && !over_ranks && x.numel() == x.size(1)) {
      fail(SSP_E_ARGUMENT, fmt::format("batch_norm: one value a channel in [{}]; a batch statistic needs two",
                                       fmt::join(x.sizes(), ", ")));
    }
    const std::optional<at::Tensor> count = maybe(handles, a.count);
    require(!count || (count->scalar_type() == at::kLong && count->dim() == 0), SSP_E_ARGUMENT,
            "batch_norm: count must be i64 of no dimension");
    const auto weight = maybe(handles, a.weight), bias = maybe(handles, a.bias), mean = maybe(handles, a.mean),
               var = maybe(handles, a.var);
    try {
      *out = handles.give(over_ranks ? distributed::batch_norm(group, x, {weight, bias, mean, var, a.momentum, a.eps})
                                     : at::batch_norm(x, weight, bias, mean, var, from_batch, a.momentum, a.eps,
                                                      /*cudnn_enabled=*/true));
    } catch (...) {
      fail_with_current_exception("batch_norm");
    }
    if (count && c.mode == Mode::train) {
      const c10::NoGradGuard no_grad;
      count->add_(1);
    }
  });
}

}  // namespace

const ssp_batch_norm batch_norm_table = {sizeof(ssp_batch_norm), 0, forward};

}  // namespace selfsup::bridge
