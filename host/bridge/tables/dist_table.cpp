// The table "ssp.dist" for one process: everything is the identity; batch norm is LibTorch's.
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/clone.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include "bridge/active.h"
#include "bridge/operators/handles.h"
#include "bridge/status.h"
#include "bridge/tables/call.h"
#include "bridge/tables/tables.h"

namespace selfsup::bridge {
namespace {

uint32_t rank() { return static_cast<uint32_t>(active().environment.rank); }
uint32_t world() { return static_cast<uint32_t>(active().environment.world); }

void require_one_process(const char* what) {
  if (active().environment.world != 1) {
    fail(SSP_E_UNSUPPORTED,
         fmt::format("{} over {} ranks is not built yet in this host", what, active().environment.world));
  }
}

// A tensor of its own, as with many ranks: what is done to the result in place does not reach the argument.
void give_copy(ssp_tensor tensor, bool with_grad, ssp_tensor* out) {
  const at::Tensor& t = handles::peek(tensor);
  *out = handles::give((with_grad ? t : t.detach()).clone());
}

ssp_status all_gather(ssp_call* call, ssp_tensor tensor, uint32_t grad, ssp_tensor* out) {
  return guarded([&] {
    checked(call);
    require(out != nullptr, SSP_E_ARGUMENT, "all_gather: out is null");
    require(grad <= SSP_GRAD_REDUCE_SCATTER, SSP_E_ARGUMENT, "all_gather: grad is NONE, LOCAL_SLICE or REDUCE_SCATTER");
    require(handles::peek(tensor).dim() > 0, SSP_E_ARGUMENT, "all_gather: a tensor of no dimension has no rows");
    require_one_process("all_gather");
    give_copy(tensor, grad != SSP_GRAD_NONE, out);
  });
}

ssp_status all_reduce(ssp_call* call, ssp_tensor tensor, uint32_t op, uint32_t grad, ssp_tensor* out) {
  return guarded([&] {
    checked(call);
    require(out != nullptr, SSP_E_ARGUMENT, "all_reduce: out is null");
    require(op <= SSP_REDUCE_MIN, SSP_E_ARGUMENT, "all_reduce: unknown op");
    require(grad == SSP_GRAD_NONE || (grad == SSP_GRAD_SUM && op <= SSP_REDUCE_AVG), SSP_E_ARGUMENT,
            "all_reduce: grad is NONE, or SUM with op SUM or AVG");
    require_one_process("all_reduce");
    give_copy(tensor, grad != SSP_GRAD_NONE, out);
  });
}

ssp_status broadcast(ssp_call* call, ssp_tensor tensor, uint32_t root, ssp_tensor* out) {
  return guarded([&] {
    checked(call);
    require(out != nullptr, SSP_E_ARGUMENT, "broadcast: out is null");
    require(root < world(), SSP_E_ARGUMENT, "broadcast: root is no rank");
    require_one_process("broadcast");
    give_copy(tensor, false, out);
  });
}

std::optional<at::Tensor> maybe(ssp_tensor tensor) {
  if (tensor.id == 0) return std::nullopt;
  return handles::peek(tensor);
}

ssp_status batch_norm(ssp_call* call, ssp_tensor x, ssp_tensor weight, ssp_tensor bias, ssp_tensor mean, ssp_tensor var,
                      ssp_tensor count, double momentum, double eps, uint32_t sync, ssp_tensor* out) {
  return guarded([&] {
    const ssp_call& c = checked(call);
    require(out != nullptr, SSP_E_ARGUMENT, "batch_norm: out is null");
    require(sync <= SSP_SYNC_AS_RUN, SSP_E_ARGUMENT, "batch_norm: unknown sync");
    require((mean.id == 0) == (var.id == 0), SSP_E_ARGUMENT,
            "batch_norm: running mean and variance come together or not at all");
    if (sync != SSP_SYNC_LOCAL) require_one_process("synchronised batch norm");
    const at::Tensor& input = handles::peek(x);
    require(input.dim() >= 2, SSP_E_ARGUMENT, "batch_norm: x must be [N, C] or [N, C, …]");
    const bool from_batch = c.mode == Mode::train || mean.id == 0;
    if (from_batch && input.numel() == input.size(1)) {
      fail(SSP_E_ARGUMENT, fmt::format("batch_norm: one value a channel in [{}]; a batch statistic needs two",
                                       fmt::join(input.sizes(), ", ")));
    }
    if (count.id && c.mode == Mode::train) {
      c10::NoGradGuard no_grad;
      handles::peek(count).add_(1);
    }
    *out = handles::give(at::batch_norm(input, maybe(weight), maybe(bias), maybe(mean), maybe(var), from_batch,
                                        momentum, eps,
                                        /*cudnn_enabled=*/true));
  });
}

}  // namespace

const ssp_dist dist_table = {sizeof(ssp_dist), 0, rank, world, all_gather, all_reduce, broadcast, batch_norm};

}  // namespace selfsup::bridge
