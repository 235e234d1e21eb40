// Attention of short sequences, forward and backward, written in the Vector that was included before: a vector holds
// one number of as many samples as it has lanes. Products, softmax and sums then run through all lanes, however few
// tokens a sequence and numbers a head has, and no sum goes across a vector. See row_bodies.h.
#pragma once
#include <type_traits>

#include "fused/row_bodies.h"

namespace selfsup::fused {
namespace {

// Keys that query i may look at.
inline int64_t visible(const AttentionShape& s, int64_t query) {
  return s.causal && s.from + query + 1 < s.tokens ? s.from + query + 1 : s.tokens;
}

// One head of some samples in memory: rows [tokens, width] by strides, of samples one after the other.
template <class T>
struct HeadRows {
  T* data;
  int64_t sample, token;
};

// f(m, n): m is Whole or Part for the n of `left` columns that a vector takes, n a constant where it is all.
template <class F>
inline void with_columns(int64_t left, F f) {
  if (left >= Vector::width)
    f(Whole{}, std::integral_constant<int64_t, Vector::width>());
  else
    f(Part{left}, left);
}

// y [tokens, width] vectors = by * x; lanes without a sample are 0.
template <class T>
inline void to_lanes(HeadRows<const T> x, int64_t samples, int64_t tokens, int64_t width, float by, float* y) {
  constexpr int64_t W = Vector::width;
  for (int64_t token = 0; token < tokens; ++token)
    for (int64_t c = 0; c < width; c += W)
      with_columns(width - c, [=](auto m, auto columns) {
        const T* from = x.data + token * x.token + c;
        float* to = y + (token * width + c) * W;
        Reg square[W];
        if (samples == W)
          for (int64_t i = 0; i < W; ++i) square[i] = Vector::load(from + i * x.sample, m) * Vector::all(by);
        else
          for (int64_t i = 0; i < W; ++i)
            square[i] = i < samples ? Vector::load(from + i * x.sample, m) * Vector::all(by) : Vector::all(0);
        Vector::transpose(square);
        for (int64_t i = 0; i < columns; ++i) Vector::store(to + i * W, Whole{}, square[i]);
      });
}

// The way back.
template <class T>
inline void from_lanes(const float* y, int64_t samples, int64_t tokens, int64_t width, float by, HeadRows<T> x) {
  constexpr int64_t W = Vector::width;
  for (int64_t token = 0; token < tokens; ++token)
    for (int64_t c = 0; c < width; c += W)
      with_columns(width - c, [=](auto m, auto columns) {
        const float* from = y + (token * width + c) * W;
        T* to = x.data + token * x.token + c;
        Reg square[W];
        for (int64_t i = 0; i < W; ++i)
          square[i] = i < columns ? Vector::load(from + i * W, Whole{}) * Vector::all(by) : Vector::all(0);
        Vector::transpose(square);
        if (samples == W)
          for (int64_t i = 0; i < W; ++i) Vector::store(to + i * x.sample, m, square[i]);
        else
          for (int64_t i = 0; i < samples; ++i) Vector::store(to + i * x.sample, m, square[i]);
      });
}

// A matrix of vectors: strides of what runs along the result, and of what is summed over.
struct LaneMatrix {
  const float* data;
  int64_t along, summed;
};

template <int ROWS, int COLUMNS>
inline void lane_tile(LaneMatrix a, LaneMatrix b, int64_t K, float* c, int64_t c_row) {
  constexpr int64_t W = Vector::width;
  Reg sums[ROWS][COLUMNS];
  for (auto& row : sums)
    for (Reg& sum : row) sum = Vector::all(0);
  for (int64_t k = 0; k < K; ++k) {
    Reg right[COLUMNS];
    for (int n = 0; n < COLUMNS; ++n) right[n] = Vector::load(b.data + (n * b.along + k * b.summed) * W, Whole{});
    for (int m = 0; m < ROWS; ++m) {
      const Reg left = Vector::load(a.data + (m * a.along + k * a.summed) * W, Whole{});
      for (int n = 0; n < COLUMNS; ++n) sums[m][n] = Vector::fma(left, right[n], sums[m][n]);
    }
  }
  for (int m = 0; m < ROWS; ++m)
    for (int n = 0; n < COLUMNS; ++n) Vector::store(c + (m * c_row + n) * W, Whole{}, sums[m][n]);
}

// f(std::integral_constant<int, n>) for n from 1 to the side of a tile.
template <class F>
inline void with_side(int64_t n, F f) {
  if (n >= Vector::lane_tile) return f(std::integral_constant<int, Vector::lane_tile>());
  if (n == 3) return f(std::integral_constant<int, 3>());
  if (n == 2) return f(std::integral_constant<int, 2>());
  f(std::integral_constant<int, 1>());
}

// c [M, N] = sum over K of a times b, lane by lane.
inline void multiply_lanes(int64_t M, int64_t N, int64_t K, LaneMatrix a, LaneMatrix b, float* c) {
  constexpr int64_t W = Vector::width, kSide = Vector::lane_tile;
  for (int64_t m = 0; m < M; m += kSide)
    with_side(M - m, [&](auto rows) {
      for (int64_t n = 0; n < N; n += kSide)
        with_side(N - n, [&](auto columns) {
          lane_tile<rows(), columns()>({a.data + m * a.along * W, a.along, a.summed},
                                       {b.data + n * b.along * W, b.along, b.summed}, K, c + (m * N + n) * W, N);
        });
    });
}

// Of a head: q is scaled; p and dp [queries, tokens], the rest [tokens or queries, head].
struct LaneScratch {
  float *q, *k, *v, *dout, *result, *p, *dp;
  LaneScratch(const AttentionShape& s, float* memory) {
    const auto take = [&](int64_t n) {
      float* taken = memory;
      memory += n * Vector::width;
      return taken;
    };
    q = take(s.queries() * s.head), dout = take(s.queries() * s.head);
    k = take(s.tokens * s.head), v = take(s.tokens * s.head), result = take(s.tokens * s.head);
    p = take(s.queries() * s.tokens), dp = take(s.queries() * s.tokens);
  }
};

// Logits become probabilities; those of keys that must not be seen are 0. A row of -inf alone, which without a bias is
// one of products too large for a float, is NaN, and so seen.
inline void softmax_lanes(const AttentionShape& s, float* p) {
  constexpr int64_t W = Vector::width;
  for (int64_t query = 0; query < s.queries(); ++query, p += s.tokens * W) {
    const int64_t keys = visible(s, query);
    Reg top = Vector::load(p, Whole{});
    for (int64_t key = 1; key < keys; ++key) top = Vector::max(top, Vector::load(p + key * W, Whole{}));
    Reg sum = Vector::all(0);
    for (int64_t key = 0; key < keys; ++key) {
      const Reg e = exp_of_negative(Vector::load(p + key * W, Whole{}) - top);
      Vector::store(p + key * W, Whole{}, e);
      sum = sum + e;
    }
    const Reg inverse = Vector::reciprocal(sum);
    for (int64_t key = 0; key < s.tokens; ++key)
      Vector::store(p + key * W, Whole{}, key < keys ? Vector::load(p + key * W, Whole{}) * inverse : Vector::all(0));
  }
}

// dlogits = p * (dp - sum(p * dp)) of each query, in place of dp.
inline void softmax_backward_lanes(const AttentionShape& s, const float* p, float* dp) {
  constexpr int64_t W = Vector::width;
  for (int64_t query = 0; query < s.queries(); ++query, p += s.tokens * W, dp += s.tokens * W) {
    Reg dot = Vector::all(0);
    for (int64_t key = 0; key < s.tokens; ++key)
      dot = Vector::fma(Vector::load(p + key * W, Whole{}), Vector::load(dp + key * W, Whole{}), dot);
    for (int64_t key = 0; key < s.tokens; ++key)
      Vector::store(dp + key * W, Whole{},
                    Vector::load(p + key * W, Whole{}) * (Vector::load(dp + key * W, Whole{}) - dot));
  }
}

// The lanes' output of a head, in `result`; qkv: of the head's q in the first sample.
template <class T>
inline void attend_lanes(const AttentionShape& s, int64_t samples, const T* qkv, const LaneScratch& h) {
  const int64_t D = s.width(), row = 3 * D, sample = s.tokens * row, M = s.queries(), L = s.tokens, d = s.head;
  to_lanes<T>({qkv + s.from * row, sample, row}, samples, M, d, s.scale, h.q);
  to_lanes<T>({qkv + D, sample, row}, samples, L, d, 1, h.k);
  to_lanes<T>({qkv + 2 * D, sample, row}, samples, L, d, 1, h.v);
  multiply_lanes(M, L, d, {h.q, d, 1}, {h.k, d, 1}, h.p);
  softmax_lanes(s, h.p);
  multiply_lanes(M, d, L, {h.p, L, 1}, {h.v, 1, d}, h.result);
}

// Of as many samples as there are lanes, or fewer.
template <class T>
void attend_in_lanes(const AttentionShape& s, int64_t samples, const T* qkv, T* out, float* scratch) {
  const LaneScratch h(s, scratch);
  const int64_t D = s.width(), M = s.queries();
  for (int64_t head = 0; head < D; head += s.head) {
    attend_lanes(s, samples, qkv + head, h);
    from_lanes<T>(h.result, samples, M, s.head, 1, {out + head, M * D, D});
  }
}

template <class T>
void attend_backward_in_lanes(const AttentionShape& s, int64_t samples, const T* qkv, const float* dout, T* out,
                              T* dqkv, float* scratch) {
  const LaneScratch h(s, scratch);
  const int64_t D = s.width(), row = 3 * D, sample = s.tokens * row, M = s.queries(), L = s.tokens, d = s.head;
  for (int64_t head = 0; head < D; head += d) {
    T* const to = dqkv + head;
    attend_lanes(s, samples, qkv + head, h);
    from_lanes<T>(h.result, samples, M, d, 1, {out + head, M * D, D});
    to_lanes<float>({dout + head, M * D, D}, samples, M, d, 1, h.dout);
    multiply_lanes(L, d, M, {h.p, 1, L}, {h.dout, 1, d}, h.result);
    from_lanes<T>(h.result, samples, L, d, 1, {to + 2 * D, sample, row});
    multiply_lanes(M, L, d, {h.dout, d, 1}, {h.v, d, 1}, h.dp);
    softmax_backward_lanes(s, h.p, h.dp);
    multiply_lanes(L, d, M, {h.dp, 1, L}, {h.q, 1, d}, h.result);
    from_lanes<T>(h.result, samples, L, d, 1, {to + D, sample, row});
    multiply_lanes(M, d, L, {h.dp, L, 1}, {h.k, 1, d}, h.result);
    from_lanes<T>(h.result, samples, M, d, s.scale, {to + s.from * row, sample, row});
  }
}

}  // namespace
}  // namespace selfsup::fused
