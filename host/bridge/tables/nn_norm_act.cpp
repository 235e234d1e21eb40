#include "bridge/tables/nn_norm_act.h"

#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include "bridge/status.h"
#include "bridge/tables/call.h"
#include "fused/norm_act.h"
#include "ssp/batch_norm.h"

namespace selfsup::bridge {
namespace {

// Of fewer the vectors are too short to be worth it.
constexpr int64_t kFewestChannels = 16;

void require_kernels(const fused::NormAct& n) {
  const at::ScalarType type = n.x.scalar_type();
  require_fusible({n.x, n.residual}, type == at::kBFloat16 ? type : at::kFloat);
  require_fusible({n.weight, n.bias, n.mean, n.var}, at::kFloat);
  const std::optional<at::MemoryFormat> format = fused::memory_of_rows(n.x);
  if (!format || !n.x.is_contiguous(*format)) throw NotFused{"x does not lie in memory channels last"};
  if (n.x.size(1) < kFewestChannels)
    throw NotFused{fmt::format("{} channels, and {} are fused at least", n.x.size(1), kFewestChannels)};
}

}  // namespace

at::Tensor run_norm_act(HostState& host, const ssp_call* call, const ssp_nn_norm_act* args) {
  const Call& c = checked(call);
  NnArguments in(host, "nn.norm_act");
  const ssp_nn_norm_act a =
      read_nn(args, offsetof(ssp_nn_norm_act, activation) + sizeof args->activation, "ssp_nn_norm_act");
  in.flags(a.flags, 0);
  if (a.sync > SSP_SYNC_AS_RUN) in.wrong(fmt::format("there is no sync {}", a.sync));
  in.activation(a.activation);
  if (a.activation != SSP_NN_RELU && a.activation != SSP_NN_NONE)
    in.wrong(fmt::format("activation is {}, and must be that of ReLU or none", a.activation));
  fused::NormAct n;
  n.x = in.tensor(a.x, "x");
  if (n.x.dim() < 2) in.wrong(fmt::format("x is {}, and must be [N, C] or [N, C, …]", text_of(n.x.sizes())));
  const int64_t C = n.x.size(1);
  in.say_of(fmt::format("x is {}", text_of(n.x.sizes())));
  n.weight = in.maybe(a.weight, "weight"), n.bias = in.maybe(a.bias, "bias");
  n.mean = in.maybe(a.mean, "mean"), n.var = in.maybe(a.var, "var");
  n.residual = in.maybe(a.residual, "residual");
  const at::Tensor count = in.maybe(a.count, "count");
  if (n.mean.defined() != n.var.defined()) in.wrong("running mean and variance come together or not at all");
  in.sizes(n.weight, "weight", {C}), in.sizes(n.bias, "bias", {C});
  in.sizes(n.mean, "mean", {C}), in.sizes(n.var, "var", {C});
  in.sizes(n.residual, "residual", n.x.sizes());
  if (count.defined() && (count.scalar_type() != at::kLong || count.dim() != 0))
    in.wrong("count must be i64 of no dimension");
  n.momentum = a.momentum, n.eps = a.eps;
  const bool training = c.mode == Mode::train;
  n.from_rows = training || !n.mean.defined();
  n.relu = a.activation == SSP_NN_RELU;

  const bool asked = a.sync == SSP_SYNC_RANKS || (a.sync == SSP_SYNC_AS_RUN && host.environment.sync_batch_norm);
  if (training && asked && host.group().world() > 1) throw NotFused{"the statistics are those of several ranks"};
  if (n.from_rows && n.x.numel() == C)
    in.wrong(fmt::format("one value a channel in {}; a batch statistic needs two", text_of(n.x.sizes())));
  require_kernels(n);
  if (n.residual.defined()) n.residual = n.residual.contiguous(*fused::memory_of_rows(n.x));
  for (at::Tensor* t : {&n.weight, &n.bias})
    if (t->defined()) *t = t->contiguous();
  at::Tensor y = fused::norm_act(n);
  if (count.defined() && training) {
    const c10::NoGradGuard no_grad;
    count.add_(1);
  }
  return y;
}

}  // namespace selfsup::bridge
