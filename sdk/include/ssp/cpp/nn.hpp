// SPDX-License-Identifier: Apache-2.0
// Networks' pieces that own parameters, by MMSelfSup's names: attention, MLP, drop paths, transformer blocks. The
// single layers are those of layers.hpp.
#pragma once
#include "ssp/cpp/half_blocks.hpp"

namespace ssp {
inline namespace v0 {
namespace nn {

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
    return proj(packed_attention(qkv(x).reshape({B, L, 3, heads, D / heads}), mask, from));
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
    const Tensor by = factors(x.size(0), call);
    if (!by) return x;
    std::vector<int64_t> shape(static_cast<size_t>(x.dim()), 1);
    shape[0] = x.size(0);
    return x * by.to(x.dtype()).reshape(shape);
  }
  // What each sample is multiplied by: f32 [samples], or empty where all are kept as they are. Ask once in a call.
  SSP_IF_USED Tensor factors(int64_t samples, const Call& call) const {
    if (rate <= 0 || !call.training()) return {};
    const double keep = 1 - rate;
    return (call.per_sample_uniform(site, 1, samples) < keep).reshape({samples}).to(f32) / keep;
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
    AttentionOptions first;
    first.heads = attn.heads, first.from = from, first.mask = mask;
    first.keep = drop_attn.factors(x.size(0), call);
    x = attention_half(x, ln1, attn.qkv, attn.proj, first);
    MlpOptions second;
    second.keep = drop_ffn.factors(x.size(0), call);
    return mlp_half(x, ln2, ffn.fc1, ffn.fc2, second);
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
