// The passes of kernels.h over rows, written in the Vector that was included before. Included once for each set of
// instructions; everything is in an anonymous namespace, so that no other set ever runs it.
#pragma once
#include "fused/kernels.h"
#include "fused/lanes.h"

namespace selfsup::fused {
namespace {

using Reg = Vector::Reg;

// f(i, Whole) for each full vector of n numbers, and f(i, Part) for what is left.
template <class F>
inline void each_vector(int64_t n, F f) {
  int64_t i = 0;
  for (; i + Vector::width <= n; i += Vector::width) f(i, Whole{});
  if (i < n) f(i, Part{n - i});
}

template <class T>
inline Reg as_stored(Reg x) {
  if constexpr (sizeof(T) == sizeof(float))
    return x;
  else
    return Vector::rounded(x);
}

// e^x for x <= 0, by Cephes' polynomial; below the smallest normal number it is 0.
[[gnu::always_inline]] inline Reg exp_of_negative(Reg x) {
  const Reg limit = Vector::all(-87.3f), at = Vector::max(limit, x);
  const Reg n = Vector::round(at * Vector::all(1.44269504f));
  const Reg r = Vector::fma(n, Vector::all(2.12194440e-4f), Vector::fma(n, Vector::all(-0.693359375f), at));
  Reg p = Vector::all(1.9875691500e-4f);
  p = Vector::fma(p, r, Vector::all(1.3981999507e-3f));
  p = Vector::fma(p, r, Vector::all(8.3334519073e-3f));
  p = Vector::fma(p, r, Vector::all(4.1665795894e-2f));
  p = Vector::fma(p, r, Vector::all(1.6666665459e-1f));
  p = Vector::fma(p, r, Vector::all(5.0000001201e-1f));
  p = Vector::fma(p * r, r, r + Vector::all(1));
  return Vector::where_less(x, limit, Vector::all(0), p * Vector::power_of_2(n));
}

// 1 / (1 + e^-x).
inline Reg logistic(Reg x) {
  const Reg zero = Vector::all(0), e = exp_of_negative(zero - Vector::abs(x));
  return Vector::where_less(x, zero, e, Vector::all(1)) * Vector::reciprocal(Vector::all(1) + e);
}

// An activation's value, and its slope where that is asked for.
struct Gelu {  // x * normal distribution at x; its tail by Abramowitz and Stegun 7.1.26
  [[gnu::always_inline]] static Reg value(Reg x, Reg* slope) {
    const Reg e = exp_of_negative(x * x * Vector::all(-0.5f));
    const Reg t =
        Vector::reciprocal(Vector::fma(Vector::abs(x), Vector::all(0.3275911f * 0.70710678f), Vector::all(1)));
    Reg p = Vector::all(1.061405429f);
    p = Vector::fma(p, t, Vector::all(-1.453152027f));
    p = Vector::fma(p, t, Vector::all(1.421413741f));
    p = Vector::fma(p, t, Vector::all(-0.284496736f));
    p = Vector::fma(p, t, Vector::all(0.254829592f));
    const Reg tail = Vector::all(0.5f) * p * t * e;
    const Reg below = Vector::where_less(x, Vector::all(0), tail, Vector::all(1) - tail);
    if (slope) *slope = Vector::fma(x * e, Vector::all(0.39894228f), below);
    return x * below;
  }
};
struct GeluTanh {  // x (1 + tanh z) / 2 = x * logistic(2 z), z = sqrt(2 / pi) (x + 0.044715 x^3)
  [[gnu::always_inline]] static Reg value(Reg x, Reg* slope) {
    constexpr float kTwice = 1.5957691216f;
    const Reg square = x * x;
    const Reg s = logistic(x * Vector::fma(square, Vector::all(kTwice * 0.044715f), Vector::all(kTwice)));
    const Reg steepness = Vector::fma(square, Vector::all(kTwice * 3 * 0.044715f), Vector::all(kTwice));
    if (slope) *slope = Vector::fma(x * s * (Vector::all(1) - s), steepness, s);
    return x * s;
  }
};
struct Silu {
  [[gnu::always_inline]] static Reg value(Reg x, Reg* slope) {
    const Reg s = logistic(x);
    if (slope) *slope = s * Vector::fma(x, Vector::all(1) - s, Vector::all(1));
    return x * s;
  }
};
struct Relu {
  [[gnu::always_inline]] static Reg value(Reg x, Reg* slope) {
    if (slope) *slope = Vector::where_less(Vector::all(0), x, Vector::all(1), Vector::all(0));
    return Vector::max(Vector::all(0), x);
  }
};

template <class F>
inline void with_activation(Activation act, F f) {
  switch (act) {
    case Activation::gelu:
      return f(Gelu());
    case Activation::gelu_tanh:
      return f(GeluTanh());
    case Activation::silu:
      return f(Silu());
    case Activation::relu:
      return f(Relu());
  }
}

template <class T>
void norm_again(const float* x, int64_t rows, int64_t width, const float* weight, const float* bias, const float* stats,
                T* h) {
  for (int64_t i = 0; i < rows; ++i, x += width, h += width, stats += 2) {
    const Reg mean = Vector::all(stats[0]), rstd = Vector::all(stats[1]);
    each_vector(width, [&](int64_t c, auto m) {
      const Reg hat = (Vector::load(x + c, m) - mean) * rstd;
      Vector::store(h + c, m, Vector::fma(hat, Vector::load(weight + c, m), Vector::load(bias + c, m)));
    });
  }
}

template <class T>
void norm(const float* x, int64_t rows, int64_t width, const float* weight, const float* bias, float eps, float* stats,
          T* h) {
  const float per = 1.0f / static_cast<float>(width);
  for (int64_t i = 0; i < rows; ++i, x += width, h += width, stats += 2) {
    Reg sum = Vector::all(0), square = sum;
    each_vector(width, [&](int64_t c, auto m) { sum = sum + Vector::load(x + c, m); });
    stats[0] = Vector::sum(sum) * per;
    const Reg mean = Vector::all(stats[0]);
    each_vector(width, [&](int64_t c, auto m) {
      const Reg off = Vector::choose(m, Vector::load(x + c, m) - mean, Vector::all(0));
      square = Vector::fma(off, off, square);
    });
    stats[1] = 1.0f / __builtin_sqrtf(Vector::sum(square) * per + eps);
    norm_again(x, 1, width, weight, bias, stats, h);
  }
}

void norm_backward(const float* x, const float* stats, const float* dh, const float* residual, int64_t rows,
                   int64_t width, const float* weight, float* dx, float* dweight, float* dbias) {
  const float per = 1.0f / static_cast<float>(width);
  for (int64_t i = 0; i < rows; ++i, x += width, dh += width, stats += 2) {
    const Reg mean = Vector::all(stats[0]), rstd = Vector::all(stats[1]);
    Reg sum = Vector::all(0), dot = sum;
    each_vector(width, [&](int64_t c, auto m) {
      const Reg g = Vector::load(dh + c, m), hat = (Vector::load(x + c, m) - mean) * rstd;
      const Reg weighted = g * Vector::load(weight + c, m);  // 0 beyond the row's end
      sum = sum + weighted;
      dot = Vector::fma(weighted, hat, dot);
      Vector::store(dweight + c, m, Vector::fma(g, hat, Vector::load(dweight + c, m)));
      Vector::store(dbias + c, m, Vector::load(dbias + c, m) + g);
    });
    if (!dx) continue;
    const Reg constant = Vector::all(Vector::sum(sum) * per), slope = Vector::all(Vector::sum(dot) * per);
    each_vector(width, [&](int64_t c, auto m) {
      const Reg hat = (Vector::load(x + c, m) - mean) * rstd;
      Reg g = (Vector::load(dh + c, m) * Vector::load(weight + c, m) - constant - hat * slope) * rstd;
      if (residual) g = g + Vector::load(residual + c, m);
      Vector::store(dx + c, m, g);
    });
    dx += width;
    if (residual) residual += width;
  }
}

void add_branch(const float* x, const float* t, const float* bias, const float* scale, int64_t rows, int64_t width,
                float* y) {
  for (int64_t i = 0; i < rows; ++i, x += width, y += width) {
    const Reg by = Vector::all(scale ? scale[i] : 1);
    each_vector(width, [&](int64_t c, auto m) {
      Reg branch = Vector::load(bias + c, m);
      if (t) branch = branch + Vector::load(t + i * width + c, m);
      Vector::store(y + c, m, Vector::fma(branch, by, Vector::load(x + c, m)));
    });
  }
}

template <class T>
void add_bias(const float* t, const float* bias, int64_t rows, int64_t width, T* out) {
  for (int64_t i = 0; i < rows; ++i, t += width, out += width)
    each_vector(width, [&](int64_t c, auto m) {
      Vector::store(out + c, m, Vector::load(t + c, m) + Vector::load(bias + c, m));
    });
}

template <class T>
void activate(Activation act, const float* t, const float* bias, int64_t rows, int64_t width, T* u, T* g) {
  with_activation(act, [&](auto f) {
    for (int64_t i = 0; i < rows; ++i)
      each_vector(width, [&](int64_t c, auto m) {
        const Reg x = as_stored<T>(Vector::load(t + i * width + c, m) + Vector::load(bias + c, m));
        Vector::store(u + i * width + c, m, x);
        Vector::store(g + i * width + c, m, f.value(x, nullptr));
      });
  });
}

template <class T>
void activate_backward(Activation act, const T* u, const float* dg, int64_t rows, int64_t width, T* g, T* du,
                       float* sum) {
  with_activation(act, [&](auto f) {
    for (int64_t i = 0; i < rows; ++i)
      each_vector(width, [&](int64_t c, auto m) {
        Reg slope;
        Vector::store(g + i * width + c, m, f.value(Vector::load(u + i * width + c, m), &slope));
        const Reg d = Vector::load(dg + i * width + c, m) * slope;
        Vector::store(du + i * width + c, m, d);
        Vector::store(sum + c, m, Vector::load(sum + c, m) + d);
      });
  });
}

template <class T>
void weigh(const float* x, const float* scale, int64_t rows, int64_t width, T* out, float* sum) {
  for (int64_t i = 0; i < rows; ++i) {
    const Reg by = Vector::all(scale ? scale[i] : 1);
    each_vector(width, [&](int64_t c, auto m) {
      const Reg value = Vector::load(x + i * width + c, m) * by;
      if (out) Vector::store(out + i * width + c, m, value);
      Vector::store(sum + c, m, Vector::load(sum + c, m) + value);
    });
  }
}

template <class T>
void column_sum(const T* x, int64_t rows, int64_t width, float* sum) {
  each_vector(width, [&](int64_t c, auto m) {
    Reg s = Vector::load(sum + c, m);
    for (int64_t i = 0; i < rows; ++i) s = s + Vector::load(x + i * width + c, m);
    Vector::store(sum + c, m, s);
  });
}

}  // namespace
}  // namespace selfsup::fused
