// The table "ssp.dist" for one process: everything is the identity.
#include <ATen/ops/clone.h>
#include <fmt/format.h>

#include "bridge/host_state.h"
#include "bridge/status.h"
#include "bridge/tables/call.h"
#include "bridge/tables/extensions.h"

namespace selfsup::bridge {
namespace {

const Environment& run_of(const ssp_call* call) { return checked(call).scope.host.environment; }

// A call that is not alive has no rank: then that of a run of one process.
uint32_t rank(const ssp_call* call) {
  uint32_t rank = 0;
  guarded([&] { rank = static_cast<uint32_t>(run_of(call).rank); });
  return rank;
}

uint32_t world(const ssp_call* call) {
  uint32_t world = 1;
  guarded([&] { world = static_cast<uint32_t>(run_of(call).world); });
  return world;
}

void require_one_process(const ssp_call* call, const char* what) {
  if (const int world = run_of(call).world; world != 1)
    fail(SSP_E_UNSUPPORTED, fmt::format("{} over {} ranks is not built yet in this host", what, world));
}

// A tensor of its own, as with many ranks: what is done to the result in place does not reach the argument.
void give_copy(const ssp_call* call, ssp_tensor tensor, bool with_grad, ssp_tensor* out) {
  Handles& handles = checked(call).scope.host.handles;
  const at::Tensor& t = handles.peek(tensor);
  *out = handles.give((with_grad ? t : t.detach()).clone());
}

ssp_status all_gather(ssp_call* call, ssp_tensor tensor, uint32_t grad, ssp_tensor* out) {
  return guarded([&] {
    HostState& host = checked(call).scope.host;
    require(out != nullptr, SSP_E_ARGUMENT, "all_gather: out is null");
    require(grad <= SSP_GRAD_REDUCE_SCATTER, SSP_E_ARGUMENT, "all_gather: grad is NONE, LOCAL_SLICE or REDUCE_SCATTER");
    require(host.handles.peek(tensor).dim() > 0, SSP_E_ARGUMENT, "all_gather: a tensor of no dimension has no rows");
    require_one_process(call, "all_gather");
    give_copy(call, tensor, grad != SSP_GRAD_NONE, out);
  });
}

ssp_status all_reduce(ssp_call* call, ssp_tensor tensor, uint32_t op, uint32_t grad, ssp_tensor* out) {
  return guarded([&] {
    checked(call);
    require(out != nullptr, SSP_E_ARGUMENT, "all_reduce: out is null");
    require(op <= SSP_REDUCE_MIN, SSP_E_ARGUMENT, "all_reduce: unknown op");
    require(grad == SSP_GRAD_NONE || (grad == SSP_GRAD_SUM && op <= SSP_REDUCE_AVG), SSP_E_ARGUMENT,
            "all_reduce: grad is NONE, or SUM with op SUM or AVG");
    require_one_process(call, "all_reduce");
    give_copy(call, tensor, grad != SSP_GRAD_NONE, out);
  });
}

ssp_status broadcast(ssp_call* call, ssp_tensor tensor, uint32_t root, ssp_tensor* out) {
  return guarded([&] {
    const Environment& run = run_of(call);
    require(out != nullptr, SSP_E_ARGUMENT, "broadcast: out is null");
    require(root < static_cast<uint32_t>(run.world), SSP_E_ARGUMENT, "broadcast: root is no rank");
    require_one_process(call, "broadcast");
    give_copy(call, tensor, false, out);
  });
}

}  // namespace

const ssp_dist dist_table = {sizeof(ssp_dist), 0, rank, world, all_gather, all_reduce, broadcast};

}  // namespace selfsup::bridge
