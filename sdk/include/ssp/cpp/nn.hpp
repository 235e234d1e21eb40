// SPDX-License-Identifier: Apache-2.0
// Layers that own parameters. Each declares them under the scope that it is given, by torch's names; blocks use
// MMSelfSup's.
#pragma once
#include <cmath>

#include "ssp/cpp/call.hpp"
#include "ssp/cpp/ops.hpp"
#include "ssp/cpp/scope.hpp"

namespace ssp {
inline namespace v0 {
namespace nn {

// x [..., in] -> [..., out]; weight [out, in], bias [out].
struct Linear {
  Tensor weight, bias;
  Linear(const Scope& s, int64_t in, int64_t out, bool with_bias = true)
      : Linear(s, in, out, with_bias, Init::torch_default(), Init::torch_default(in)) {}
  Linear(const Scope& s, int64_t in, int64_t out, bool with_bias, const Init& weight_init, const Init& bias_init)
      : weight(s.parameter("weight", {out, in}, weight_init)) {
    if (with_bias) bias = s.parameter("bias", {out}, bias_init, SSP_ROLE_BIAS);
  }
  SSP_IF_USED Tensor operator()(const Tensor& x) const { return linear(x, weight, bias); }
};

// x [N, in, H, W]; weight [out, in, k, k], bias [out].
struct Conv2d {
  Tensor weight, bias;
  int64_t stride, padding;
  Conv2d(const Scope& s, int64_t in, int64_t out, int64_t kernel, int64_t stride_ = 1, int64_t padding_ = 0,
         bool with_bias = true)
      : Conv2d(s, in, out, kernel, stride_, padding_, with_bias, Init::torch_default()) {}
  Conv2d(const Scope& s, int64_t in, int64_t out, int64_t kernel, int64_t stride_, int64_t padding_, bool with_bias,
         const Init& weight_init)
      : weight(s.parameter("weight", {out, in, kernel, kernel}, weight_init)), stride(stride_), padding(padding_) {
    if (with_bias) bias = s.parameter("bias", {out}, Init::torch_default(in * kernel * kernel), SSP_ROLE_BIAS);
  }
  SSP_IF_USED Tensor operator()(const Tensor& x) const {
    return conv2d(x, weight, bias, {stride, stride}, {padding, padding});
  }
};

// Over the last dimension.
struct LayerNorm {
  Tensor weight, bias;
  int64_t dim;
  double eps;
  LayerNorm(const Scope& s, int64_t dim_, double eps_ = 1e-5)
      : weight(s.parameter("weight", {dim_}, Init::ones(), SSP_ROLE_NORM)),
        bias(s.parameter("bias", {dim_}, Init::zeros(), SSP_ROLE_NORM)),
        dim(dim_),
        eps(eps_) {}
  SSP_IF_USED Tensor operator()(const Tensor& x) const { return layer_norm(x, {dim}, weight, bias, eps); }
};

namespace detail {
// Tokens that are asked for are some of those that there are.
inline void check_from(int64_t from, int64_t tokens) {
  if (from < 0 || from >= tokens)
    throw Error(SSP_E_ARGUMENT, "attention from token " + std::to_string(from) + " on, of " + std::to_string(tokens) +
                                    " tokens: `from` must be 0 or more, and leave one");
}
}  // namespace detail

// Multi-head self-attention; q, k and v come from one matrix, in that order. scale 1 / sqrt(head_dim).
struct Attention {
  int64_t heads;
  Linear qkv, proj;
  Attention(const Scope& s, int64_t dim, int64_t heads_, bool qkv_bias = true)
      : heads(heads_), qkv(s / "qkv", dim, 3 * dim, qkv_bias), proj(s / "proj", dim, dim) {
    require(heads > 0 && dim % heads == 0, "attention of " + std::to_string(dim) + " channels cannot have " +
                                               std::to_string(heads) + " heads: the width must be a multiple");
  }
  // Each token from `from` on looks at all tokens: [B, L, D] -> [B, L - from, D].
  // mask: added to the logits, [B or 1, heads or 1, L - from, L]; or empty.
  SSP_IF_USED Tensor operator()(const Tensor& x, const Tensor& mask = {}, int64_t from = 0) const {
    const auto [B, L, D] = x.sizes<3>();
    detail::check_from(from, L);
    const auto [q, k, v] = unbind<3>(qkv(x).reshape({B, L, 3, heads, D / heads}).permute({2, 0, 3, 1, 4}), 0);
    const Tensor asking = from == 0 ? q : q.slice(2, from);
    return proj(scaled_dot_product_attention(asking, k, v, mask).transpose(1, 2).reshape({B, L - from, D}));
  }
};

// Two linear layers with an exact GELU between them: `layers.0.0` and `layers.1`. Initial values as MMSelfSup's:
// Xavier-uniform, biases with deviation 1e-6.
struct Mlp {
  Linear fc1, fc2;
  Mlp(const Scope& s, int64_t dim, int64_t hidden)
      : fc1(s / "layers.0.0", dim, hidden, true, Init::xavier_uniform(), Init::normal(0, 1e-6)),
        fc2(s / "layers.1", hidden, dim, true, Init::xavier_uniform(), Init::normal(0, 1e-6)) {}
  SSP_IF_USED Tensor operator()(const Tensor& x) const { return fc2(gelu(fc1(x))); }
};

// Stochastic depth: in training a residual branch [B, …] is dropped for a sample with probability rate, kept ones are
// divided by 1 - rate. Keyed by sample, so that it depends neither on ranks nor on a resume.
struct DropPath {
  double rate;
  std::string site;
  // The scope is its own: of equal sites, all would drop the same samples.
  DropPath(const Scope& s, double rate_) : rate(rate_), site(s.path()) {
    require(rate <= 0 || !site.empty(), "a DropPath needs a scope of its own, as scope / \"drop\"");
  }
  SSP_IF_USED Tensor operator()(const Tensor& x, const Call& call) const {
    if (rate <= 0 || !call.training()) return x;
    const double keep = 1 - rate;
    std::vector<int64_t> shape(static_cast<size_t>(x.dim()), 1);
    shape[0] = x.size(0);
    const Tensor kept = (call.per_sample_uniform(site, 1, x.size(0)) < keep).reshape(shape);
    return x * (kept.to(x.dtype()) / keep);
  }
};

// Pre-norm transformer block: ln1, attn, ln2, ffn. from: of the result, tokens before it are not wanted, so that
// nothing is computed of them but their keys and values; [B, L - from, D].
struct Block {
  LayerNorm ln1;
  Attention attn;
  LayerNorm ln2;
  Mlp ffn;
  DropPath drop_attn, drop_ffn;
  Block(const Scope& s, int64_t dim, int64_t heads, int64_t hidden, double eps = 1e-6, bool qkv_bias = true,
        double drop_path_rate = 0)
      : ln1(s / "ln1", dim, eps),
        attn(s / "attn", dim, heads, qkv_bias),
        ln2(s / "ln2", dim, eps),
        ffn(s / "ffn", dim, hidden),
        drop_attn(s / "drop_attn", drop_path_rate),
        drop_ffn(s / "drop_ffn", drop_path_rate) {}
  SSP_IF_USED Tensor operator()(Tensor x, const Call& call, const Tensor& mask = {}, int64_t from = 0) const {
    const Tensor branch = drop_attn(attn(ln1(x), mask, from), call);
    x = (from == 0 ? x : x.slice(1, from)) + branch;
    return x + drop_ffn(ffn(ln2(x)), call);
  }
};

// Entries of the fixed 2-D sine-cosine table [height * width, dim], row by row: [sin a, cos a, sin b, cos b] with
// frequencies 10000^(-k / (dim / 4)), where a is the row and b the column (MMSelfSup), or the other way round (official
// MAE). dim must be a multiple of 4.
inline std::vector<float> sincos_2d(int64_t dim, int64_t height, int64_t width, bool row_first = true) {
  require(dim > 0 && dim % 4 == 0,
          "sine-cosine positions need a width that is a multiple of 4, found " + std::to_string(dim));
  const int64_t quarter = dim / 4;
  std::vector<float> table(static_cast<size_t>(height * width * dim));
  for (int64_t cell = 0; cell < height * width; ++cell) {
    const int64_t row = cell / width, column = cell % width;
    float* entry = table.data() + cell * dim;
    for (int64_t k = 0; k < quarter; ++k) {
      const double omega = std::pow(10000.0, -static_cast<double>(k) / static_cast<double>(quarter));
      const double a = static_cast<double>(row_first ? row : column) * omega;
      const double b = static_cast<double>(row_first ? column : row) * omega;
      entry[k] = static_cast<float>(std::sin(a));
      entry[quarter + k] = static_cast<float>(std::cos(a));
      entry[2 * quarter + k] = static_cast<float>(std::sin(b));
      entry[3 * quarter + k] = static_cast<float>(std::cos(b));
    }
  }
  return table;
}

}  // namespace nn
}  // namespace v0
}  // namespace ssp
