// The passes of channel_kernels.h, written in the Vector that was included before; as row_bodies.h is.
#pragma once
#include "fused/row_bodies.h"

namespace selfsup::fused {
namespace {

template <class T>
inline void set_zero(T* p, int64_t n) {
  each_vector(n, [&](int64_t c, auto m) { Vector::store(p + c, m, Vector::all(0)); });
}

// Sums distances from the mean of the first few rows. They are among the rows, so that this mean cannot be far from all
// rows' in terms of their deviation: little is lost where it is taken out again, wherever zero may lie.
template <class T>
void moments(const T* x, int64_t rows, int64_t width, float* mean, float* squares, float* sums) {
  const int64_t few = rows < 8 ? rows : 8;
  const Reg per_few = Vector::all(1 / static_cast<float>(few)), per_row = Vector::all(1 / static_cast<float>(rows));
  each_vector(width, [&](int64_t c, auto m) {
    Reg sum = Vector::load(x + c, m);
    for (int64_t i = 1; i < few; ++i) sum = sum + Vector::load(x + i * width + c, m);
    Vector::store(mean + c, m, sum * per_few);
  });
  set_zero(sums, width);
  set_zero(squares, width);
  int64_t i = 0;
  for (; i + 4 <= rows; i += 4) {
    const T *p = x + i * width, *q = p + width, *r = q + width, *s = r + width;
    each_vector(width, [&](int64_t c, auto m) {
      const Reg from = Vector::load(mean + c, m);
      const Reg a = Vector::load(p + c, m) - from, b = Vector::load(q + c, m) - from;
      const Reg d = Vector::load(r + c, m) - from, e = Vector::load(s + c, m) - from;
      Vector::store(sums + c, m, Vector::load(sums + c, m) + ((a + b) + (d + e)));
      const Reg square = Vector::fma(a, a, b * b) + Vector::fma(d, d, e * e);
      Vector::store(squares + c, m, Vector::load(squares + c, m) + square);
    });
  }
  for (; i < rows; ++i)
    each_vector(width, [&](int64_t c, auto m) {
      const Reg a = Vector::load(x + i * width + c, m) - Vector::load(mean + c, m);
      Vector::store(sums + c, m, Vector::load(sums + c, m) + a);
      Vector::store(squares + c, m, Vector::fma(a, a, Vector::load(squares + c, m)));
    });
  each_vector(width, [&](int64_t c, auto m) {
    const Reg sum = Vector::load(sums + c, m), shift = sum * per_row;
    const Reg left = Vector::load(squares + c, m) - sum * shift;
    Vector::store(squares + c, m, Vector::max(Vector::all(0), left));
    Vector::store(mean + c, m, Vector::load(mean + c, m) + shift);
  });
}

// The bits of one vector within its row's words.
inline void put_bits(uint16_t* row, int64_t c, uint32_t bits) {
  if constexpr (Vector::width == 16) {
    row[c / 16] = static_cast<uint16_t>(bits);
  } else {
    const uint32_t before = c % 16 == 0 ? 0u : row[c / 16];
    row[c / 16] = static_cast<uint16_t>(before | bits << (c % 16));
  }
}
inline uint32_t bits_at(const uint16_t* row, int64_t c) {
  if constexpr (Vector::width == 16)
    return row[c / 16];
  else
    return static_cast<uint32_t>(row[c / 16]) >> (c % 16);
}

template <bool relu, bool added, class T>
void norm_rows(const ChannelNorm& norm, const T* x, const T* residual, int64_t rows, int64_t width, T* y,
               uint16_t* open) {
  const int64_t words = words_of_row(width);
  for (int64_t i = 0; i < rows; ++i) {
    const int64_t at = i * width;
    uint16_t* const bits = open ? open + i * words : nullptr;
    each_vector(width, [&](int64_t c, auto m) {
      const Reg d = Vector::load(x + at + c, m) - Vector::load(norm.mean + c, m);
      Reg v = Vector::fma(d, Vector::load(norm.factor + c, m), Vector::load(norm.bias + c, m));
      if constexpr (added) v = v + Vector::load(residual + at + c, m);
      if constexpr (relu) {
        if (bits) put_bits(bits, c, Vector::above_zero(v));
        v = Vector::max(Vector::all(0), v);
      }
      Vector::store(y + at + c, m, v);
    });
  }
}

template <class T>
void norm_act(const ChannelNorm& norm, const T* x, const T* residual, int64_t rows, int64_t width, bool relu, T* y,
              uint16_t* open) {
  if (relu)
    residual ? norm_rows<true, true>(norm, x, residual, rows, width, y, open)
             : norm_rows<true, false>(norm, x, residual, rows, width, y, open);
  else
    residual ? norm_rows<false, true>(norm, x, residual, rows, width, y, open)
             : norm_rows<false, false>(norm, x, residual, rows, width, y, open);
}

// g of one vector.
template <bool relu, class T, class M>
inline Reg passed(const T* dy, M m, const uint16_t* row, int64_t c) {
  const Reg g = Vector::load(dy + c, m);
  if constexpr (relu)
    return Vector::where_bits(bits_at(row, c), g);
  else
    return g;
}

template <bool relu, class T>
void sum_rows(const T* x, const T* dy, const uint16_t* open, int64_t rows, int64_t width, const float* mean, float* sum,
              float* with_x) {
  const int64_t words = relu ? words_of_row(width) : 0;
  set_zero(sum, width);
  set_zero(with_x, width);
  int64_t i = 0;
  for (; i + 2 <= rows; i += 2) {
    const T *p = x + i * width, *q = p + width, *dp = dy + i * width, *dq = dp + width;
    const uint16_t *const bp = open + i * words, *const bq = bp + words;
    each_vector(width, [&](int64_t c, auto m) {
      const Reg from = Vector::load(mean + c, m), g = passed<relu>(dp, m, bp, c), h = passed<relu>(dq, m, bq, c);
      const Reg both = Vector::fma(g, Vector::load(p + c, m) - from, h * (Vector::load(q + c, m) - from));
      Vector::store(sum + c, m, Vector::load(sum + c, m) + (g + h));
      Vector::store(with_x + c, m, Vector::load(with_x + c, m) + both);
    });
  }
  for (; i < rows; ++i)
    each_vector(width, [&](int64_t c, auto m) {
      const Reg g = passed<relu>(dy + i * width, m, open + i * words, c);
      const Reg d = Vector::load(x + i * width + c, m) - Vector::load(mean + c, m);
      Vector::store(sum + c, m, Vector::load(sum + c, m) + g);
      Vector::store(with_x + c, m, Vector::fma(g, d, Vector::load(with_x + c, m)));
    });
}

template <class T>
void norm_act_sums(const T* x, const T* dy, const uint16_t* open, int64_t rows, int64_t width, const float* mean,
                   float* sum, float* with_x) {
  open ? sum_rows<true>(x, dy, open, rows, width, mean, sum, with_x)
       : sum_rows<false>(x, dy, open, rows, width, mean, sum, with_x);
}

template <bool relu, bool by_x, class T>
void slope_rows(const ChannelSlopes& s, const T* x, const T* dy, const uint16_t* open, int64_t rows, int64_t width,
                T* dx, T* to_g) {
  const int64_t words = relu ? words_of_row(width) : 0;
  for (int64_t i = 0; i < rows; ++i) {
    const int64_t at = i * width;
    each_vector(width, [&](int64_t c, auto m) {
      const Reg g = passed<relu>(dy + at, m, open + i * words, c);
      if (to_g) Vector::store(to_g + at + c, m, g);
      if (!dx) return;
      Reg d = g * Vector::load(s.by_g + c, m);
      if constexpr (by_x) {
        const Reg from_mean = Vector::load(x + at + c, m) - Vector::load(s.mean + c, m);
        d = d + Vector::fma(from_mean, Vector::load(s.by_x + c, m), Vector::load(s.constant + c, m));
      }
      Vector::store(dx + at + c, m, d);
    });
  }
}

template <class T>
void norm_act_backward(const ChannelSlopes& s, const T* x, const T* dy, const uint16_t* open, int64_t rows,
                       int64_t width, T* dx, T* g) {
  if (open)
    s.by_x ? slope_rows<true, true>(s, x, dy, open, rows, width, dx, g)
           : slope_rows<true, false>(s, x, dy, open, rows, width, dx, g);
  else
    s.by_x ? slope_rows<false, true>(s, x, dy, open, rows, width, dx, g)
           : slope_rows<false, false>(s, x, dy, open, rows, width, dx, g);
}

template <class T>
ChannelKernels<T> channel_kernels() {
  return {moments<T>, norm_act<T>, norm_act_sums<T>, norm_act_backward<T>};
}

}  // namespace
}  // namespace selfsup::fused
