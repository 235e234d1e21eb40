// Attention of one sample, forward and backward, written in the Vector that was included before. Heads are read out of
// the packed rows and written back, so that nothing is permuted outside. See row_bodies.h.
#pragma once
#include "fused/channel_bodies.h"
#include "fused/lane_attention_bodies.h"

namespace selfsup::fused {
namespace {

// c [ROWS, COLUMNS vectors] = a [ROWS, K] b [K, COLUMNS vectors], or added to it. The strides of a are free: it may be
// read transposed.
template <int ROWS, int COLUMNS>
inline void tile(const float* a, int64_t a_row, int64_t a_k, const float* b, int64_t ldb, float* c, int64_t ldc,
                 int64_t K, bool add) {
  Reg sums[ROWS][COLUMNS];
  for (int m = 0; m < ROWS; ++m)
    for (int n = 0; n < COLUMNS; ++n)
      sums[m][n] = add ? Vector::load(c + m * ldc + n * Vector::width, Whole{}) : Vector::all(0);
  for (int64_t k = 0; k < K; ++k) {
    Reg row[COLUMNS];
    for (int n = 0; n < COLUMNS; ++n) row[n] = Vector::load(b + k * ldb + n * Vector::width, Whole{});
    for (int m = 0; m < ROWS; ++m) {
      const Reg x = Vector::all(a[m * a_row + k * a_k]);
      for (int n = 0; n < COLUMNS; ++n) sums[m][n] = Vector::fma(x, row[n], sums[m][n]);
    }
  }
  for (int m = 0; m < ROWS; ++m)
    for (int n = 0; n < COLUMNS; ++n) Vector::store(c + m * ldc + n * Vector::width, Whole{}, sums[m][n]);
}

struct Strided {
  const float* data;
  int64_t row, column;
};

template <int COLUMNS>
inline void tiles_of_columns(int64_t M, Strided a, const float* b, int64_t ldb, float* c, int64_t ldc, int64_t K,
                             bool add) {
  constexpr int kRows = Vector::tile_rows(COLUMNS);
  int64_t m = 0;
  for (; m + kRows <= M; m += kRows)
    tile<kRows, COLUMNS>(a.data + m * a.row, a.row, a.column, b, ldb, c + m * ldc, ldc, K, add);
  for (; m + 2 <= M; m += 2) tile<2, COLUMNS>(a.data + m * a.row, a.row, a.column, b, ldb, c + m * ldc, ldc, K, add);
  if (m < M) tile<1, COLUMNS>(a.data + m * a.row, a.row, a.column, b, ldb, c + m * ldc, ldc, K, add);
}

// c [M, N] = a [M, K] b [K, N], or added to it. N: a multiple of the vectors' width.
inline void multiply(int64_t M, int64_t N, int64_t K, Strided a, const float* b, int64_t ldb, float* c, int64_t ldc,
                     bool add = false) {
  constexpr int kMost = Vector::most_columns, kWidth = Vector::width;
  int64_t n = 0;
  for (; n + kMost * kWidth <= N; n += kMost * kWidth) tiles_of_columns<kMost>(M, a, b + n, ldb, c + n, ldc, K, add);
  if constexpr (kMost > 3)
    for (; n + 3 * kWidth <= N; n += 3 * kWidth) tiles_of_columns<3>(M, a, b + n, ldb, c + n, ldc, K, add);
  for (; n + 2 * kWidth <= N; n += 2 * kWidth) tiles_of_columns<2>(M, a, b + n, ldb, c + n, ldc, K, add);
  if (n < N) tiles_of_columns<1>(M, a, b + n, ldb, c + n, ldc, K, add);
}

inline int64_t padded(int64_t n) { return (n + 15) / 16 * 16; }

// The scratch of one head. Rows are padded to 16, what lies there is never used.
struct HeadScratch {
  int64_t d, l;  // padded width and number of tokens
  float *q, *k, *v, *k_t, *v_t, *dout, *out, *dk, *dv, *logits, *dlogits;
  HeadScratch(const AttentionShape& s, float* memory) : d(padded(s.head)), l(padded(s.tokens)) {
    const auto take = [&](int64_t n) {
      float* taken = memory;
      memory += n;
      return taken;
    };
    q = take(s.queries() * d), dout = take(s.queries() * d), out = take(s.queries() * d);
    k = take(s.tokens * d), v = take(s.tokens * d), dk = take(s.tokens * d), dv = take(s.tokens * d);
    k_t = take(s.head * l), v_t = take(s.head * l);
    logits = take(query_tile(s) * l), dlogits = take(query_tile(s) * l);
  }
};

template <class T>
inline void read_rows(const T* x, int64_t stride, int64_t rows, int64_t width, float by, float* y, int64_t y_stride) {
  for (int64_t i = 0; i < rows; ++i)
    each_vector(width, [&](int64_t c, auto m) {
      Vector::store(y + i * y_stride + c, m, Vector::load(x + i * stride + c, m) * Vector::all(by));
    });
}
template <class T>
inline void write_rows(const float* x, int64_t x_stride, int64_t rows, int64_t width, float by, T* y, int64_t stride) {
  for (int64_t i = 0; i < rows; ++i)
    each_vector(width, [&](int64_t c, auto m) {
      Vector::store(y + i * stride + c, m, Vector::load(x + i * x_stride + c, m) * Vector::all(by));
    });
}
// Rows of both are padded.
inline void transpose(const float* x, int64_t rows, int64_t width, int64_t x_stride, float* y, int64_t y_stride) {
  constexpr int64_t kSide = Vector::width;
  for (int64_t i = 0; i < rows; i += kSide)
    for (int64_t c = 0; c < width; c += kSide) {
      Reg square[kSide];
      for (int64_t k = 0; k < kSide; ++k)
        square[k] = i + k < rows ? Vector::load(x + (i + k) * x_stride + c, Whole{}) : Vector::all(0);
      Vector::transpose(square);
      for (int64_t k = 0; k < kSide && c + k < width; ++k)
        Vector::store(y + (c + k) * y_stride + i, Whole{}, square[k]);
    }
}

// Whether all are -inf. Their maximum does not tell: a NaN may have been lost in it.
inline bool all_hidden(const float* logits, int64_t n) {
  for (int64_t c = 0; c < n; ++c)
    if (logits[c] != -__builtin_inff()) return false;
  return true;
}

// Logits of queries first … first + count become probabilities; those of keys that must not be seen are 0. A row in
// which nothing can be seen, all -inf, is 0 everywhere.
inline void softmax(const AttentionShape& s, const LogitBias& bias, int64_t head, int64_t first, int64_t count,
                    const HeadScratch& h) {
  const Reg lowest = Vector::all(-__builtin_inff());
  for (int64_t i = 0; i < count; ++i) {
    float* row = h.logits + i * h.l;
    const int64_t keys = visible(s, first + i);
    if (bias.data) {
      const float* added = bias.data + head * bias.head + (first + i) * bias.query;
      each_vector(keys, [&](int64_t c, auto m) {
        const Reg b = bias.key ? Vector::load(added + c, m) : Vector::all(*added);
        Vector::store(row + c, m, Vector::load(row + c, m) + b);
      });
    }
    Reg top = lowest;
    each_vector(
        keys, [&](int64_t c, auto m) { top = Vector::max(top, Vector::choose(m, Vector::load(row + c, m), lowest)); });
    const float largest = Vector::largest(top);
    if (largest == -__builtin_inff() && all_hidden(row, keys)) {
      for (int64_t c = 0; c < s.tokens; ++c) row[c] = 0;
      continue;
    }
    Reg sum = Vector::all(0);
    each_vector(keys, [&](int64_t c, auto m) {
      const Reg e = exp_of_negative(Vector::load(row + c, m) - Vector::all(largest));
      Vector::store(row + c, m, e);
      sum = sum + Vector::choose(m, e, Vector::all(0));
    });
    const Reg inverse = Vector::all(1.0f / Vector::sum(sum));
    each_vector(keys, [&](int64_t c, auto m) { Vector::store(row + c, m, Vector::load(row + c, m) * inverse); });
    for (int64_t c = keys; c < s.tokens; ++c) row[c] = 0;
  }
}

// Reads a head's q (times the scale), k and v.
template <class T>
inline void read_head(const AttentionShape& s, const T* head, HeadScratch& h) {
  const int64_t D = s.width(), row = 3 * D;
  read_rows(head + s.from * row, row, s.queries(), s.head, s.scale, h.q, h.d);
  read_rows(head + D, row, s.tokens, s.head, 1, h.k, h.d);
  read_rows(head + 2 * D, row, s.tokens, s.head, 1, h.v, h.d);
  transpose(h.k, s.tokens, s.head, h.d, h.k_t, h.l);
}

inline void probabilities(const AttentionShape& s, const LogitBias& bias, int64_t head, int64_t first, int64_t count,
                          HeadScratch& h) {
  multiply(count, h.l, s.head, {h.q + first * h.d, h.d, 1}, h.k_t, h.l, h.logits, h.l);
  softmax(s, bias, head, first, count, h);
  multiply(count, h.d, s.tokens, {h.logits, h.l, 1}, h.v, h.d, h.out + first * h.d, h.d);
}

template <class T>
void attend_sample(const AttentionShape& s, const LogitBias& bias, const T* qkv, T* out, float* scratch) {
  HeadScratch h(s, scratch);
  const int64_t tile = query_tile(s);
  for (int64_t head = 0; head < s.heads; ++head) {
    read_head(s, qkv + head * s.head, h);
    for (int64_t first = 0; first < s.queries(); first += tile)
      probabilities(s, bias, head, first, first + tile < s.queries() ? tile : s.queries() - first, h);
    write_rows(h.out, h.d, s.queries(), s.head, 1, out + head * s.head, s.width());
  }
}

// dlogits = p * (dp - sum(p * dp)) of each query, in place of dp.
inline void softmax_backward(const AttentionShape& s, int64_t count, const HeadScratch& h) {
  for (int64_t i = 0; i < count; ++i) {
    const float* p = h.logits + i * h.l;
    float* g = h.dlogits + i * h.l;
    Reg dot = Vector::all(0);
    each_vector(s.tokens,
                [&](int64_t c, auto m) { dot = Vector::fma(Vector::load(p + c, m), Vector::load(g + c, m), dot); });
    const Reg delta = Vector::all(Vector::sum(dot));
    each_vector(s.tokens, [&](int64_t c, auto m) {
      Vector::store(g + c, m, Vector::load(p + c, m) * (Vector::load(g + c, m) - delta));
    });
  }
}

template <class T>
void attend_backward_sample(const AttentionShape& s, const LogitBias& bias, const T* qkv, const float* dout, T* out,
                            T* dqkv, float* dlogits, float* scratch) {
  HeadScratch h(s, scratch);
  const int64_t D = s.width(), row = 3 * D, tile = query_tile(s);
  for (int64_t head = 0; head < s.heads; ++head) {
    read_head(s, qkv + head * s.head, h);
    transpose(h.v, s.tokens, s.head, h.d, h.v_t, h.l);
    read_rows(dout + head * s.head, D, s.queries(), s.head, 1, h.dout, h.d);
    T* to = dqkv + head * s.head;
    for (int64_t first = 0; first < s.queries(); first += tile) {
      const int64_t count = first + tile < s.queries() ? tile : s.queries() - first;
      probabilities(s, bias, head, first, count, h);
      const float* g = h.dout + first * h.d;
      multiply(s.tokens, h.d, count, {h.logits, 1, h.l}, g, h.d, h.dv, h.d, first > 0);
      multiply(count, h.l, s.head, {g, h.d, 1}, h.v_t, h.l, h.dlogits, h.l);
      softmax_backward(s, count, h);
      if (dlogits)
        read_rows(h.dlogits, h.l, count, s.tokens, 1, dlogits + (head * s.queries() + first) * s.tokens, s.tokens);
      multiply(s.tokens, h.d, count, {h.dlogits, 1, h.l}, h.q + first * h.d, h.d, h.dk, h.d, first > 0);
      // Nothing reads these queries of dout any more: dq takes their place.
      multiply(count, h.d, s.tokens, {h.dlogits, h.l, 1}, h.k, h.d, h.dout + first * h.d, h.d);
    }
    write_rows(h.out, h.d, s.queries(), s.head, 1, out + head * s.head, D);
    write_rows(h.dout, h.d, s.queries(), s.head, s.scale, to + s.from * row, row);
    write_rows(h.dk, h.d, s.tokens, s.head, 1, to + D, row);
    write_rows(h.dv, h.d, s.tokens, s.head, 1, to + 2 * D, row);
  }
}

// lanes(first, count) for groups of samples that fill half the lanes or more, each(i, bias of it) for all other
// samples: a group takes as long for one sample as for all of its lanes.
template <class Lanes, class Each>
inline void over_samples(const AttentionShape& s, const LogitBias& bias, int64_t samples, Lanes lanes, Each each) {
  int64_t first = 0;
  if (in_lanes(s) && !bias.data)
    for (; 2 * (samples - first) >= Vector::width; first += Vector::width)
      lanes(first, samples - first < Vector::width ? samples - first : Vector::width);
  LogitBias own = bias;
  if (own.data) own.data += first * bias.sample;
  for (; first < samples; ++first, own.data += bias.sample) each(first, own);
}

template <class T>
void attend(const AttentionShape& s, const LogitBias& bias, int64_t samples, const T* qkv, T* out, float* scratch) {
  const int64_t in = s.tokens * 3 * s.width(), to = s.queries() * s.width();
  over_samples(
      s, bias, samples,
      [&](int64_t i, int64_t count) { attend_in_lanes(s, count, qkv + i * in, out + i * to, scratch); },
      [&](int64_t i, const LogitBias& own) { attend_sample(s, own, qkv + i * in, out + i * to, scratch); });
}

template <class T>
void attend_backward(const AttentionShape& s, const LogitBias& bias, int64_t samples, const T* qkv, const float* dout,
                     T* out, T* dqkv, float* dlogits, float* scratch) {
  const int64_t D = s.width(), row = 3 * D, in = s.tokens * row, to = s.queries() * D;
  for (int64_t i = 0; i < samples; ++i)
    for (int64_t token = 0; token < s.from; ++token)
      each_vector(D, [&](int64_t c, auto m) { Vector::store(dqkv + i * in + token * row + c, m, Vector::all(0)); });
  over_samples(
      s, bias, samples,
      [&](int64_t i, int64_t count) {
        attend_backward_in_lanes(s, count, qkv + i * in, dout + i * to, out + i * to, dqkv + i * in, scratch);
      },
      [&](int64_t i, const LogitBias& own) {
        float* const of_logits = dlogits ? dlogits + i * s.heads * s.queries() * s.tokens : nullptr;
        attend_backward_sample(s, own, qkv + i * in, dout + i * to, out + i * to, dqkv + i * in, of_logits, scratch);
      });
}

// Those of the included Vector.
template <class T>
TypedKernels<T> typed_kernels() {
  return {norm<T>,  norm_again<T>, add_bias<T>, activate<T>,        activate_backward<T>,
          weigh<T>, column_sum<T>, attend<T>,   attend_backward<T>, channel_kernels<T>()};
}
inline Kernels kernels_named(const char* name) {
  return {name, typed_kernels<float>(), typed_kernels<Bf16>(), norm_backward, add_branch};
}

}  // namespace
}  // namespace selfsup::fused
