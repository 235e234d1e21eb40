// Halves of a transformer's block, forward and backward, as one function each: rows go through norm, products, bias and
// activation in blocks that stay in the cache. On the CPU. Knows no plugin and no configuration.
#pragma once
#include <ATen/core/Tensor.h>

#include "fused/kernels.h"

namespace selfsup::fused {

// All tensors are f32, contiguous and of fitting sizes, except where said otherwise. What is undefined is not there: a
// weight of 1, a bias of 0.
struct Norm {
  at::Tensor weight, bias;
  double eps = 0;
};
struct Linear {
  at::Tensor weight, bias;  // [out, in], [out]
};

// What both halves have: y = x + keep * layer_scale * branch(norm(x)).
struct Half {
  at::Tensor x;  // [B, ..., D]
  Norm norm;
  at::Tensor keep;          // [B], without gradient
  at::Tensor layer_scale;   // [D]
  bool recompute = false;   // between forward and backward x alone is kept
  bool half_types = false;  // products read bf16
};

struct AttentionHalf : Half {
  Linear qkv, proj;
  at::Tensor bias;  // broadcasts to [B, heads, L - from, L]
  int64_t heads = 0, from = 0;
  double scale = 0;
  bool causal = false;
};

struct MlpHalf : Half {
  Linear up, down;
  Activation activation = Activation::gelu;
};

struct PackedAttention {
  at::Tensor qkv;   // [B, L, 3, heads, head], f32 or bf16
  at::Tensor bias;  // f32
  int64_t from = 0;
  double scale = 0;
  bool causal = false;
};

// The same bits on every run and with any number of threads: what a thread does depends on sizes alone. Gradients of
// every tensor but keep; there is no second derivative.
at::Tensor attention_half(const AttentionHalf& half);   // [B, L - from, D]
at::Tensor mlp_half(const MlpHalf& half);               // as x
at::Tensor packed_attention(const PackedAttention& a);  // [B, L - from, heads * head], of qkv's type

}  // namespace selfsup::fused
