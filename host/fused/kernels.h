// Passes over rows and the attention of some samples, over plain memory, for each instruction set. Each runs on the
// calling thread and sums in an order that depends on sizes alone. Knows no tensors.
#pragma once
#include <cstdint>
#include <span>

#include "fused/channel_kernels.h"

namespace selfsup::fused {

// What matrix products read is float or this; sums, statistics and the residual stream are float.
struct Bf16 {
  uint16_t bits;
};

enum class Activation { gelu, gelu_tanh, silu, relu };

// Attention: queries are the tokens from `from` on.
struct AttentionShape {
  int64_t tokens, from, heads, head;  // head: width of one
  float scale;
  bool causal;
  int64_t queries() const { return tokens - from; }
  int64_t width() const { return heads * head; }
};

// What is added to the logits, by strides; that of keys is 0 or 1.
struct LogitBias {
  const float* data = nullptr;
  int64_t sample = 0, head = 0, query = 0, key = 0;
};

// Sequences so short that a vector holds a number of sixteen samples at a time, where nothing is added to the logits:
// heads of few numbers fill no vectors of their own. What is read and written of a head then stays in the second cache.
inline bool in_lanes(const AttentionShape& s) { return s.tokens <= 24 && s.tokens * s.head <= 416; }
inline constexpr int64_t kLanes = 16;

// Queries that are worked on at once, so that their logits stay in the cache.
inline int64_t query_tile(const AttentionShape& s) {
  constexpr int64_t kLogits = 1 << 16, kTile = 64;
  return s.queries() * s.tokens <= kLogits || s.queries() < kTile ? s.queries() : kTile;
}

// Floats of scratch for attend and attend_backward; zeros when it is first used.
inline int64_t attention_scratch(const AttentionShape& s) {
  const auto padded = [](int64_t n) { return (n + 15) / 16 * 16; };
  const int64_t d = padded(s.head), l = padded(s.tokens), m = s.queries();
  const int64_t one_sample = d * (3 * m + 4 * s.tokens) + l * (2 * s.head + 2 * query_tile(s));
  const int64_t lanes = kLanes * (s.head * (2 * m + 3 * s.tokens) + 2 * m * s.tokens);
  return in_lanes(s) && lanes > one_sample ? lanes : one_sample;
}

template <class T>
struct TypedKernels {
  // h = (x - mean) * rstd * weight + bias; stats [rows, 2]: mean and rstd, written by `norm`, read by `norm_again`.
  void (*norm)(const float* x, int64_t rows, int64_t width, const float* weight, const float* bias, float eps,
               float* stats, T* h);
  void (*norm_again)(const float* x, int64_t rows, int64_t width, const float* weight, const float* bias,
                     const float* stats, T* h);
  // out = t + bias.
  void (*add_bias)(const float* t, const float* bias, int64_t rows, int64_t width, T* out);
  // u = t + bias, g = act(u) of the u that is stored.
  void (*activate)(Activation act, const float* t, const float* bias, int64_t rows, int64_t width, T* u, T* g);
  // g = act(u), du = dg * act'(u); sum [width] += du over rows. du may be dg.
  void (*activate_backward)(Activation act, const T* u, const float* dg, int64_t rows, int64_t width, T* g, T* du,
                            float* sum);
  // out = scale[row] * x; sum [width] += that over rows, before it is rounded. scale null: 1; out null: not wanted.
  void (*weigh)(const float* x, const float* scale, int64_t rows, int64_t width, T* out, float* sum);
  // sum [width] += x over rows.
  void (*column_sum)(const T* x, int64_t rows, int64_t width, float* sum);
  // qkv [samples, tokens, 3, heads, head] -> out [samples, queries, heads, head].
  void (*attend)(const AttentionShape& shape, const LogitBias& bias, int64_t samples, const T* qkv, T* out,
                 float* scratch);
  // From the gradient of out; out is computed again. dqkv: as qkv, queries before `from` are 0. dlogits [samples,
  // heads, queries, tokens], or null: the gradient of what was added to the logits.
  void (*attend_backward)(const AttentionShape& shape, const LogitBias& bias, int64_t samples, const T* qkv,
                          const float* dout, T* out, T* dqkv, float* dlogits, float* scratch);
  ChannelKernels<T> channels;
};

struct Kernels {
  const char* name;
  TypedKernels<float> f32;
  TypedKernels<Bf16> bf16;
  // dx = residual + the gradient of the norm's input; dweight and dbias [width] += over rows. residual null: none; dx
  // null: not wanted.
  void (*norm_backward)(const float* x, const float* stats, const float* dh, const float* residual, int64_t rows,
                        int64_t width, const float* weight, float* dx, float* dweight, float* dbias);
  // y = x + scale[row] * (t + bias); scale null: 1; t null: 0.
  void (*add_branch)(const float* x, const float* t, const float* bias, const float* scale, int64_t rows, int64_t width,
                     float* y);
  template <class T>
  const TypedKernels<T>& typed() const {
    if constexpr (sizeof(T) == sizeof(float))
      return f32;
    else
      return bf16;
  }
};

// Those that this processor can run, the fastest first; the last one runs on all.
std::span<const Kernels> kernels();
// Those in use: the first; a test puts others in their place for its length.
const Kernels& kernels_in_use();
void use_kernels(const Kernels* kernels);  // null: the first again

Kernels portable_kernels();
#if defined(__x86_64__)
Kernels avx2_kernels();
Kernels avx512_kernels();
Kernels avx512_bf16_kernels();
#endif

}  // namespace selfsup::fused
