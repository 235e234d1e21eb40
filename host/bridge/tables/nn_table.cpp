// The table "ssp.nn": halves of transformer blocks as one function each, where the run wants that and the CPU has
// kernels for it.
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <cmath>
#include <cstddef>

#include "bridge/components/session.h"
#include "bridge/operators/dtype.h"
#include "bridge/status.h"
#include "bridge/tables/extensions.h"
#include "bridge/tables/nn_arguments.h"
#include "bridge/tables/nn_norm_act.h"

namespace selfsup::bridge {
namespace {

// Beyond that the logits of a tile of queries leave the cache, and samples are too few for threads.
constexpr int64_t kMostTokens = 1024;
constexpr int64_t kMostWidth = int64_t{1} << 20;  // MKL counts in 32 bits

// The tensor that tells which host is asked.
template <class Args>
struct First {
  ssp_tensor Args::*member;
  size_t offset;
  const char* name;
};

template <class Args>
HostState& host_of_first(const char* what, const Args* args, const First<Args>& first) {
  if (!args) fail(SSP_E_ARGUMENT, fmt::format("{}: the argument is null", what));
  if (args->struct_size < first.offset + sizeof(ssp_tensor))
    fail(SSP_E_ARGUMENT,
         fmt::format("{}: struct_size is {}: not even {} is in it", what, args->struct_size, first.name));
  const ssp_tensor tensor = args->*first.member;
  if (tensor.id == 0) fail(SSP_E_HANDLE, fmt::format("{}: {} is none; it cannot be left out", what, first.name));
  return host_of(tensor);
}

// The answer of a function of the table: its result, or that single operators are to be used, which leaves no text.
template <class Args, class Body>
ssp_status answer(const char* what, const Args* args, First<Args> first, ssp_tensor* y, Body body) noexcept {
  bool fused = true;
  const ssp_status status = guarded([&] {
    if (!y) fail(SSP_E_ARGUMENT, fmt::format("{}: y is null", what));
    HostState& host = host_of_first(what, args, first);
    require_operators(host);
    fused = host.environment.fused;  // asked first: on a GPU every step comes by
    if (!fused) return;
    try {
      at::Tensor result = body(host);
      *y = host.handles.give(std::move(result));
      host.fused_use.ran();
    } catch (const NotFused& why) {
      fused = false;
      host.fused_use.fell_back(host.current ? host.current->label : "a component", what, why.reason);
    } catch (const Failure&) {
      throw;
    } catch (...) {
      fail_with_current_exception(what);
    }
  });
  return status == SSP_OK && !fused ? SSP_E_UNSUPPORTED : status;
}

double scale_of(const NnArguments& in, double scale, int64_t head) {
  if (scale == 0) return 1 / std::sqrt(static_cast<double>(head));
  in.finite(scale, "scale");
  return scale;
}

void require_tokens(const NnArguments& in, int64_t from, int64_t tokens) {
  if (tokens == 0) in.wrong("there is no token");
  if (from < 0 || from >= tokens)
    in.wrong(fmt::format("from is {}; of {} tokens it must be 0 to {}", from, tokens, tokens - 1));
}

void require_few(int64_t tokens) {
  // Without their number: the log says each reason once, and there are sizes that change from step to step.
  if (tokens > kMostTokens) throw NotFused{fmt::format("more than {} tokens, which are fused at most", kMostTokens)};
}
void require_narrow(int64_t width) {
  if (width > kMostWidth) throw NotFused{fmt::format("a width above {}, which is fused at most", kMostWidth)};
}

// What both halves have beside x.
void read_half(NnArguments& in, ssp_tensor keep, ssp_tensor layer_scale, uint32_t flags, fused::Half& half) {
  half.keep = in.maybe(keep, "keep");
  if (half.keep.defined()) half.keep = half.keep.detach();
  half.layer_scale = in.maybe(layer_scale, "layer_scale");
  half.recompute = (flags & SSP_NN_RECOMPUTE) != 0;
  in.sizes(half.keep, "keep", {half.x.size(0)});
  in.sizes(half.layer_scale, "layer_scale", {half.x.size(-1)});
}

at::Tensor in_rows(const at::Tensor& t) { return t.defined() ? t.contiguous() : t; }
void lay_in_rows(fused::Linear& linear) { linear = {in_rows(linear.weight), in_rows(linear.bias)}; }
void lay_in_rows(fused::Half& half) {
  half.x = in_rows(half.x), half.keep = in_rows(half.keep), half.layer_scale = in_rows(half.layer_scale);
  half.norm.weight = in_rows(half.norm.weight), half.norm.bias = in_rows(half.norm.bias);
}

// Added to logits in f32, whatever its type.
at::Tensor as_logits(const at::Tensor& bias) {
  if (!bias.defined()) return bias;
  if (!bias.is_floating_point())
    throw NotFused{fmt::format("the bias of the logits is {}, and one of floating-point numbers is fused",
                               dtype_name(bias.scalar_type()))};
  return bias.to(at::kFloat);
}

at::Tensor run_attention(HostState& host, const ssp_nn_attention* args) {
  NnArguments in(host, "nn.attention");
  const ssp_nn_attention a = read_nn(args, offsetof(ssp_nn_attention, scale) + sizeof args->scale, "ssp_nn_attention");
  in.flags(a.flags, SSP_NN_CAUSAL);
  fused::AttentionHalf half;
  half.x = in.tensor(a.x, "x");
  if (half.x.dim() != 3) in.wrong(fmt::format("x is {}, and must be [B, L, D]", text_of(half.x.sizes())));
  const int64_t B = half.x.size(0), L = half.x.size(1), D = half.x.size(2);
  in.say_of(fmt::format("x is {}", text_of(half.x.sizes())));
  if (a.heads < 1 || D % a.heads != 0)
    in.wrong(fmt::format("heads is {}, which does not divide the width {} of x", a.heads, D));
  require_tokens(in, a.from, L);
  half.norm = in.norm(a.norm, D);
  half.qkv = in.linear(a.qkv, "qkv", 3 * D, D);
  half.proj = in.linear(a.proj, "proj", D, D);
  read_half(in, a.keep, a.layer_scale, a.flags, half);
  half.bias = in.maybe(a.bias, "bias");
  in.broadcasts(half.bias, "bias", {B, a.heads, L - a.from, L});
  half.heads = a.heads, half.from = a.from, half.causal = (a.flags & SSP_NN_CAUSAL) != 0;
  half.scale = scale_of(in, a.scale, D / a.heads);

  half.half_types = products_read_bf16();
  require_fusible({half.x, half.norm.weight, half.norm.bias, half.qkv.weight, half.qkv.bias, half.proj.weight,
                   half.proj.bias, half.keep, half.layer_scale},
                  at::kFloat);
  half.bias = as_logits(half.bias);
  require_fusible({half.bias}, at::kFloat);
  require_few(L);
  require_narrow(D);
  lay_in_rows(half);
  lay_in_rows(half.qkv);
  lay_in_rows(half.proj);
  return fused::attention_half(half);
}

at::Tensor run_mlp(HostState& host, const ssp_nn_mlp* args) {
  NnArguments in(host, "nn.mlp");
  const ssp_nn_mlp a = read_nn(args, offsetof(ssp_nn_mlp, reserved) + sizeof args->reserved, "ssp_nn_mlp");
  in.flags(a.flags, 0);
  if (a.reserved != 0) throw NotFused{"it asks for something that this host does not know"};
  in.activation(a.activation);
  if (a.activation == SSP_NN_NONE) in.wrong("activation is none, which is not of an MLP");
  fused::MlpHalf half;
  half.x = in.tensor(a.x, "x");
  if (half.x.dim() < 2) in.wrong(fmt::format("x is {}, and must be [B, …, D]", text_of(half.x.sizes())));
  const int64_t D = half.x.size(-1);
  in.say_of(fmt::format("x is {}", text_of(half.x.sizes())));
  const at::Tensor up = in.tensor(a.up.weight, "up.weight");
  if (up.dim() != 2) in.wrong(fmt::format("up.weight is {}, and must be [F, {}]", text_of(up.sizes()), D));
  half.norm = in.norm(a.norm, D);
  half.up = in.linear(a.up, "up", up.size(0), D);
  half.down = in.linear(a.down, "down", D, up.size(0));
  read_half(in, a.keep, a.layer_scale, a.flags, half);
  constexpr fused::Activation kActivations[] = {fused::Activation::gelu, fused::Activation::gelu_tanh,
                                                fused::Activation::silu, fused::Activation::relu};
  half.activation = kActivations[a.activation];

  half.half_types = products_read_bf16();
  require_fusible({half.x, half.norm.weight, half.norm.bias, half.up.weight, half.up.bias, half.down.weight,
                   half.down.bias, half.keep, half.layer_scale},
                  at::kFloat);
  require_narrow(std::max(D, up.size(0)));
  lay_in_rows(half);
  lay_in_rows(half.up);
  lay_in_rows(half.down);
  return fused::mlp_half(half);
}

at::Tensor run_packed(HostState& host, const ssp_nn_packed* args) {
  NnArguments in(host, "nn.packed_attention");
  const ssp_nn_packed p = read_nn(args, offsetof(ssp_nn_packed, scale) + sizeof args->scale, "ssp_nn_packed");
  in.flags(p.flags, SSP_NN_CAUSAL);
  fused::PackedAttention a;
  a.qkv = in.tensor(p.qkv, "qkv");
  if (a.qkv.dim() != 5 || a.qkv.size(2) != 3)
    in.wrong(fmt::format("qkv is {}, and must be [B, L, 3, heads, D / heads]", text_of(a.qkv.sizes())));
  const int64_t L = a.qkv.size(1), heads = a.qkv.size(3), head = a.qkv.size(4);
  in.say_of(fmt::format("qkv is {}", text_of(a.qkv.sizes())));
  require_tokens(in, p.from, L);
  a.bias = in.maybe(p.bias, "bias");
  in.broadcasts(a.bias, "bias", {a.qkv.size(0), heads, L - p.from, L});
  a.from = p.from, a.causal = (p.flags & SSP_NN_CAUSAL) != 0;
  a.scale = scale_of(in, p.scale, std::max<int64_t>(head, 1));

  const bool low = products_read_bf16();
  const at::ScalarType type = low || a.qkv.scalar_type() == at::kBFloat16 ? at::kBFloat16 : at::kFloat;
  require_fusible({a.qkv}, a.qkv.scalar_type() == at::kFloat ? at::kFloat : type);
  a.bias = as_logits(a.bias);
  require_fusible({a.bias}, at::kFloat);
  require_few(L);
  a.qkv = in_rows(a.qkv.to(type)), a.bias = in_rows(a.bias);
  return fused::packed_attention(a);
}

ssp_status attention(const ssp_nn_attention* args, ssp_tensor* y) {
  return answer("nn.attention", args, {&ssp_nn_attention::x, offsetof(ssp_nn_attention, x), "x"}, y,
                [&](HostState& host) { return run_attention(host, args); });
}

ssp_status mlp(const ssp_nn_mlp* args, ssp_tensor* y) {
  return answer("nn.mlp", args, {&ssp_nn_mlp::x, offsetof(ssp_nn_mlp, x), "x"}, y,
                [&](HostState& host) { return run_mlp(host, args); });
}

ssp_status packed_attention(const ssp_nn_packed* args, ssp_tensor* y) {
  return answer("nn.packed_attention", args, {&ssp_nn_packed::qkv, offsetof(ssp_nn_packed, qkv), "qkv"}, y,
                [&](HostState& host) { return run_packed(host, args); });
}

ssp_status norm_act(ssp_call* call, const ssp_nn_norm_act* args, ssp_tensor* y) {
  return answer("nn.norm_act", args, {&ssp_nn_norm_act::x, offsetof(ssp_nn_norm_act, x), "x"}, y,
                [&](HostState& host) { return run_norm_act(host, call, args); });
}

}  // namespace

const ssp_nn nn_table = {sizeof(ssp_nn), 0, attention, mlp, packed_attention, norm_act};

}  // namespace selfsup::bridge
