// SPDX-License-Identifier: Apache-2.0
// Halves of pre-norm transformer blocks as functions: the host runs each as one where it can (ssp/nn.h), else they are
// single operators. Either way the parameters are those of the layers.
#pragma once
#include "ssp/cpp/layers.hpp"

namespace ssp {
inline namespace v0 {
namespace nn {

enum class Activation : uint32_t {
  gelu = SSP_NN_GELU,  // exact
  gelu_tanh = SSP_NN_GELU_TANH,
  silu = SSP_NN_SILU,
  relu = SSP_NN_RELU
};

// keep: f32 [B], what a sample's branch is multiplied by (DropPath::factors); layer_scale: [D]. Empty: neither is
// there.
struct AttentionOptions {
  int64_t heads = 1;
  int64_t from = 0;  // queries from this token on
  Tensor mask = {};  // added to the logits, broadcast to [B, heads, L - from, L]; or boolean, true = attend
  Tensor keep = {}, layer_scale = {};
  double scale = 0;  // of the logits; 0: 1 / sqrt(D / heads)
  bool causal = false;
  bool recompute = false;  // where the host fuses: less memory, more time
};
struct MlpOptions {
  Activation activation = Activation::gelu;
  Tensor keep = {}, layer_scale = {};
  bool recompute = false;
};

namespace detail_nn {

inline ssp_nn_linear raw(const Linear& l) { return {l.weight.handle(), l.bias.handle()}; }
inline ssp_nn_norm raw(const LayerNorm& n) { return {n.weight.handle(), n.bias.handle(), n.eps}; }
inline uint32_t flags(bool causal, bool recompute) {
  return (causal ? uint32_t{SSP_NN_CAUSAL} : 0u) | (recompute ? uint32_t{SSP_NN_RECOMPUTE} : 0u);
}

// What the host made of it, or nothing where it wants single operators.
template <class Args>
std::optional<Tensor> fused(ssp_status (*function)(const Args*, ssp_tensor*), const Args& args) {
  ssp_tensor y{0};
  const ssp_status status = function(&args, &y);
  if (status == SSP_E_UNSUPPORTED) return std::nullopt;
  check(status);
  return Tensor(y);
}

inline void check_from(int64_t from, int64_t tokens) {
  if (from < 0 || from >= tokens)
    throw Error(SSP_E_ARGUMENT, "attention from token " + std::to_string(from) + " on, of " + std::to_string(tokens) +
                                    " tokens: `from` must be 0 or more, and leave one");
}

inline void check_heads(int64_t heads, int64_t width) {
  if (heads < 1 || width % heads != 0)
    throw Error(SSP_E_ARGUMENT, "attention of " + std::to_string(width) + " channels cannot have " +
                                    std::to_string(heads) + " heads: the width must be a multiple");
}

// x + keep * layer_scale * branch.
SSP_IF_USED Tensor add_branch(const Tensor& x, Tensor branch, const Tensor& keep, const Tensor& layer_scale) {
  if (layer_scale) branch = branch * layer_scale;
  if (keep) {
    std::vector<int64_t> shape(static_cast<size_t>(branch.dim()), 1);
    shape[0] = keep.size(0);
    branch = branch * keep.to(branch.dtype()).reshape(shape);
  }
  return x + branch;
}

// The mask with what is to come hidden.
SSP_IF_USED Tensor causal_mask(const Tensor& mask, int64_t from, int64_t tokens, const Tensor& like) {
  const Tensor hidden = triu(full({tokens - from, tokens}, -INFINITY, like, f32), from + 1);
  if (!mask) return hidden;
  if (mask.dtype() == boolean) return where(mask, hidden, -INFINITY);
  return mask + hidden;
}

SSP_IF_USED Tensor activate(const Tensor& x, Activation act) {
  switch (act) {
    case Activation::gelu:
      return gelu(x);
    case Activation::gelu_tanh:
      return gelu(x, "tanh");
    case Activation::silu:
      return x * x.sigmoid();
    case Activation::relu:
      break;
  }
  return x.relu();
}

}  // namespace detail_nn

// Attention of packed q, k and v, [B, L, 3, heads, D / heads] -> [B, L - from, D]. scale 0: 1 / sqrt(D / heads).
SSP_IF_USED Tensor packed_attention(const Tensor& qkv, const Tensor& mask = {}, int64_t from = 0, bool causal = false,
                                    double scale = 0) {
  const auto [B, L, three, heads, width] = qkv.sizes<5>();
  detail_nn::check_from(from, L);
  const ssp_nn* table = detail::runtime.nn;
  if (SSP_HAS(ssp_nn, table, packed_attention)) {
    const ssp_nn_packed args = {sizeof args, detail_nn::flags(causal, false), qkv.handle(), mask.handle(), from, scale};
    if (std::optional<Tensor> y = detail_nn::fused(table->packed_attention, args)) return *std::move(y);
  }
  const auto [q, k, v] = unbind<3>(qkv.permute({2, 0, 3, 1, 4}), 0);
  Tensor asking = from == 0 ? q : q.slice(2, from);
  if (scale != 0) asking = asking * (scale * std::sqrt(static_cast<double>(width)));
  const Tensor seen = causal ? detail_nn::causal_mask(mask, from, L, q) : mask;
  return scaled_dot_product_attention(asking, k, v, seen).transpose(1, 2).reshape({B, L - from, heads * width});
}

// x[:, from:] + keep * layer_scale * proj(attention(qkv(norm(x)))), of x [B, L, D].
SSP_IF_USED Tensor attention_half(const Tensor& x, const LayerNorm& norm, const Linear& qkv, const Linear& proj,
                                  const AttentionOptions& o) {
  const auto [B, L, D] = x.sizes<3>();
  detail_nn::check_from(o.from, L);
  detail_nn::check_heads(o.heads, D);
  const ssp_nn* table = detail::runtime.nn;
  if (SSP_HAS(ssp_nn, table, attention)) {
    const ssp_nn_attention args = {sizeof args,
                                   detail_nn::flags(o.causal, o.recompute),
                                   x.handle(),
                                   detail_nn::raw(norm),
                                   detail_nn::raw(qkv),
                                   detail_nn::raw(proj),
                                   o.keep.handle(),
                                   o.layer_scale.handle(),
                                   o.mask.handle(),
                                   o.heads,
                                   o.from,
                                   o.scale};
    if (std::optional<Tensor> y = detail_nn::fused(table->attention, args)) return *std::move(y);
  }
  const Tensor packed = qkv(norm(x)).reshape({B, L, 3, o.heads, D / o.heads});
  const Tensor branch = proj(packed_attention(packed, o.mask, o.from, o.causal, o.scale));
  return detail_nn::add_branch(o.from == 0 ? x : x.slice(1, o.from), branch, o.keep, o.layer_scale);
}

// x + keep * layer_scale * down(activation(up(norm(x)))), of x [B, …, D].
SSP_IF_USED Tensor mlp_half(const Tensor& x, const LayerNorm& norm, const Linear& up, const Linear& down,
                            const MlpOptions& o = {}) {
  const ssp_nn* table = detail::runtime.nn;
  if (SSP_HAS(ssp_nn, table, mlp)) {
    const ssp_nn_mlp args = {sizeof args,
                             detail_nn::flags(false, o.recompute),
                             x.handle(),
                             detail_nn::raw(norm),
                             detail_nn::raw(up),
                             detail_nn::raw(down),
                             o.keep.handle(),
                             o.layer_scale.handle(),
                             static_cast<uint32_t>(o.activation),
                             0};
    if (std::optional<Tensor> y = detail_nn::fused(table->mlp, args)) return *std::move(y);
  }
  return detail_nn::add_branch(x, down(detail_nn::activate(up(norm(x)), o.activation)), o.keep, o.layer_scale);
}

}  // namespace nn
}  // namespace v0
}  // namespace ssp
