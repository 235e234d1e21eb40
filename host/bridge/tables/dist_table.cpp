// The table "ssp.dist" over the run's group.
#include <ATen/ops/clone.h>
#include <fmt/format.h>

#include "base/random.h"
#include "bridge/host_state.h"
#include "bridge/operators/dtype.h"
#include "bridge/status.h"
#include "bridge/tables/call.h"
#include "bridge/tables/extensions.h"
#include "distributed/differentiable.h"

namespace selfsup::bridge {
namespace {

using distributed::GatherGradient;
using distributed::Group;
using distributed::Reduce;

const Group& group_of(const ssp_call* call) { return checked(call).scope.host.group(); }

// A call that is not alive has no rank: then that of a run of one process.
uint32_t rank(const ssp_call* call) {
  uint32_t rank = 0;
  guarded([&] { rank = static_cast<uint32_t>(group_of(call).rank()); });
  return rank;
}

uint32_t world(const ssp_call* call) {
  uint32_t world = 1;
  guarded([&] { world = static_cast<uint32_t>(group_of(call).world()); });
  return world;
}

// Ranks that do not do the same wait for each other for ever, or give each other rubbish; so they agree first.
void require_same(const Group& group, const char* what, uint32_t option, uint32_t gradient, const at::Tensor& t) {
  uint64_t key = hash_key(hash_name(what), option, gradient, t.scalar_type());
  for (const int64_t size : t.sizes()) key = hash_key(key, size);
  if (group.same(static_cast<double>(key >> 11))) return;  // a double holds 53 bits
  fail(SSP_E_ARGUMENT,
       fmt::format("{}: the ranks do not make the same call; rank {} gives {} [{}]. Every rank makes the same calls in "
                   "the same order, with tensors of one type and size",
                   what, group.rank(), dtype_name(t.scalar_type()), fmt::join(t.sizes(), ", ")));
}

// over_ranks(group, tensor): what several ranks do. One process gives a copy, which is a tensor of its own as theirs
// is: what is done to it in place does not reach the argument.
template <class OverRanks>
void give_collective(const ssp_call* call, const char* what, ssp_tensor tensor, uint32_t option, uint32_t gradient,
                     ssp_tensor* out, OverRanks&& over_ranks) {
  HostState& host = checked(call).scope.host;
  const Group& group = host.group();
  const at::Tensor& given = host.handles.peek(tensor);
  const at::Tensor t = gradient == SSP_GRAD_NONE ? given.detach() : given;
  if (group.world() == 1) {
    *out = host.handles.give(t.clone());
    return;
  }
  require_same(group, what, option, gradient, t);
  at::Tensor result;
  try {
    result = over_ranks(group, t);
  } catch (...) {
    fail_with_current_exception(what);
  }
  *out = host.handles.give(std::move(result));
}

ssp_status all_gather(ssp_call* call, ssp_tensor tensor, uint32_t grad, ssp_tensor* out) {
  return guarded([&] {
    const Handles& handles = checked(call).scope.host.handles;
    require(out != nullptr, SSP_E_ARGUMENT, "all_gather: out is null");
    require(grad <= SSP_GRAD_REDUCE_SCATTER, SSP_E_ARGUMENT, "all_gather: grad is NONE, LOCAL_SLICE or REDUCE_SCATTER");
    require(handles.peek(tensor).dim() > 0, SSP_E_ARGUMENT, "all_gather: a tensor of no dimension has no rows");
    constexpr GatherGradient kGradients[] = {GatherGradient::none, GatherGradient::local_slice,
                                             GatherGradient::reduce_scatter};
    give_collective(call, "all_gather", tensor, 0, grad, out, [&](const Group& group, const at::Tensor& t) {
      return distributed::gather_rows(group, t, kGradients[grad]);
    });
  });
}

ssp_status all_reduce(ssp_call* call, ssp_tensor tensor, uint32_t op, uint32_t grad, ssp_tensor* out) {
  return guarded([&] {
    const Handles& handles = checked(call).scope.host.handles;
    require(out != nullptr, SSP_E_ARGUMENT, "all_reduce: out is null");
    require(op <= SSP_REDUCE_MIN, SSP_E_ARGUMENT, "all_reduce: unknown op");
    require(grad == SSP_GRAD_NONE || (grad == SSP_GRAD_SUM && op <= SSP_REDUCE_AVG), SSP_E_ARGUMENT,
            "all_reduce: grad is NONE, or SUM with op SUM or AVG");
    require(op != SSP_REDUCE_AVG || !at::isIntegralType(handles.peek(tensor).scalar_type(), /*includeBool=*/true),
            SSP_E_ARGUMENT, "all_reduce: the mean of integers is none; convert them to a floating type first");
    constexpr Reduce kReduces[] = {Reduce::sum, Reduce::mean, Reduce::max, Reduce::min};
    give_collective(call, "all_reduce", tensor, op, grad, out, [&](const Group& group, const at::Tensor& t) {
      return distributed::reduce(group, t, kReduces[op]);
    });
  });
}

ssp_status broadcast(ssp_call* call, ssp_tensor tensor, uint32_t root, ssp_tensor* out) {
  return guarded([&] {
    const int world = group_of(call).world();
    require(out != nullptr, SSP_E_ARGUMENT, "broadcast: out is null");
    if (root >= static_cast<uint32_t>(world))
      fail(SSP_E_ARGUMENT, fmt::format("broadcast: root {} is no rank; they are 0 to {}", root, world - 1));
    give_collective(call, "broadcast", tensor, root, SSP_GRAD_NONE, out, [&](const Group& group, const at::Tensor& t) {
      at::Tensor sent = t.clone(at::MemoryFormat::Contiguous);
      group.broadcast(sent, static_cast<int>(root));
      return sent;
    });
  });
}

}  // namespace

const ssp_dist dist_table = {sizeof(ssp_dist), 0, rank, world, all_gather, all_reduce, broadcast};

}  // namespace selfsup::bridge
