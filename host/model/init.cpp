#include "model/init.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "base/errors.h"
#include "base/random.h"

namespace selfsup::model {
namespace {

// Elements are functions of (key, index): the same in any order and with any number of threads.
uint64_t bits(uint64_t key, uint64_t index) { return mix64(key ^ mix64(index + 0x632be59bd9b4e019ull)); }
double open_unit(uint64_t b) { return (static_cast<double>(b >> 11) + 0.5) * 0x1.0p-53; }  // (0, 1)

template <class Value>
void fill(float* out, int64_t n, Value value) {
  at::parallel_for(0, n, 1 << 14, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) out[i] = static_cast<float>(value(static_cast<uint64_t>(i)));
  });
}

void uniform(float* out, int64_t n, double lo, double hi, uint64_t key) {
  fill(out, n, [=](uint64_t i) { return lo + (hi - lo) * open_unit(bits(key, i)); });
}

// Box–Muller, two numbers a pair of draws.
void normal(float* out, int64_t n, double mean, double deviation, uint64_t key) {
  at::parallel_for(0, (n + 1) / 2, 1 << 13, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      const auto i = static_cast<uint64_t>(2 * p);
      const double radius = deviation * std::sqrt(-2.0 * std::log(open_unit(bits(key, i))));
      const double angle = 2.0 * M_PI * open_unit(bits(key, i + 1));
      out[2 * p] = static_cast<float>(mean + radius * std::cos(angle));
      if (2 * p + 1 < n) out[2 * p + 1] = static_cast<float>(mean + radius * std::sin(angle));
    }
  });
}

// The quantile of the standard normal distribution: Acklam's rational approximation and one step of Halley's method,
// which brings it to the precision of double.
double normal_quantile(double p) {
  static constexpr double a[] = {-3.969683028665376e+01, 2.209460984245205e+02,  -2.759285104469687e+02,
                                 1.383577518672690e+02,  -3.066479806614716e+01, 2.506628277459239e+00};
  static constexpr double b[] = {-5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02,
                                 6.680131188771972e+01, -1.328068155288572e+01};
  static constexpr double c[] = {-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00,
                                 -2.549732539343734e+00, 4.374664141464968e+00,  2.938163982698783e+00};
  static constexpr double d[] = {7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00,
                                 3.754408661907416e+00};
  constexpr double low = 0.02425;
  double x;
  if (p < low || p > 1 - low) {
    const double q = std::sqrt(-2 * std::log(p < low ? p : 1 - p));
    x = (((((c[0] * q + c[1]) * q + c[2]) * q + c[3]) * q + c[4]) * q + c[5]) /
        ((((d[0] * q + d[1]) * q + d[2]) * q + d[3]) * q + 1);
    if (p > 1 - low) x = -x;
  } else {
    const double q = p - 0.5, r = q * q;
    x = (((((a[0] * r + a[1]) * r + a[2]) * r + a[3]) * r + a[4]) * r + a[5]) * q /
        (((((b[0] * r + b[1]) * r + b[2]) * r + b[3]) * r + b[4]) * r + 1);
  }
  const double error = 0.5 * std::erfc(-x / M_SQRT2) - p;
  const double step = error * std::sqrt(2 * M_PI) * std::exp(x * x / 2);
  return x - step / (1 + x * step / 2);
}

double normal_cdf(double x) { return 0.5 * (1.0 + std::erf(x / M_SQRT2)); }

// As torch.nn.init.trunc_normal_: the quantile of a number uniform between the two cut probabilities, then clamped.
void trunc_normal(float* out, int64_t n, const InitSpec& s, uint64_t key) {
  if (!(s.lo < s.hi)) throw Error(Exit::failed, fmt::format("trunc_normal: lo {} is not below hi {}", s.lo, s.hi));
  const double low = normal_cdf((s.lo - s.a) / s.b), high = normal_cdf((s.hi - s.a) / s.b);
  fill(out, n, [&](uint64_t i) {
    const double x = s.a + s.b * normal_quantile(low + (high - low) * open_unit(bits(key, i)));
    return std::clamp(x, s.lo, s.hi);
  });
}

struct Fans {
  double in, out;
};

// torch.nn.init: of [out, in, …], everything after the second dimension multiplies both.
Fans fans_of(const at::Tensor& t, const InitSpec& s) {
  if (s.fan_in > 0 && s.fan_out > 0) return {static_cast<double>(s.fan_in), static_cast<double>(s.fan_out)};
  if (t.dim() < 2 && !(s.fan_in > 0)) {
    throw Error(Exit::failed, fmt::format("fan_in and fan_out of a tensor with {} dimensions must be given", t.dim()));
  }
  const double receptive =
      t.dim() < 2 ? 1
                  : static_cast<double>(t.numel()) / static_cast<double>(std::max<int64_t>(t.size(0) * t.size(1), 1));
  const double in = t.dim() < 2 ? 0 : static_cast<double>(t.size(1)) * receptive;
  const double out = t.dim() < 2 ? static_cast<double>(s.fan_in) : static_cast<double>(t.size(0)) * receptive;
  return {s.fan_in > 0 ? static_cast<double>(s.fan_in) : in, s.fan_out > 0 ? static_cast<double>(s.fan_out) : out};
}

void fill_f32(at::Tensor& t, const InitSpec& s, uint64_t key) {
  float* out = t.mutable_data_ptr<float>();
  const int64_t n = t.numel();
  switch (s.kind) {
    case InitKind::constant:
      return fill(out, n, [&](uint64_t) { return s.a; });
    case InitKind::normal:
      return normal(out, n, s.a, s.b, key);
    case InitKind::uniform:
      return uniform(out, n, s.a, s.b, key);
    case InitKind::trunc_normal:
      return trunc_normal(out, n, s, key);
    case InitKind::xavier_uniform: {
      const Fans fans = fans_of(t, s);
      const double bound = (s.a == 0 ? 1.0 : s.a) * std::sqrt(6.0 / (fans.in + fans.out));
      return uniform(out, n, -bound, bound, key);
    }
    case InitKind::kaiming_normal: {
      const Fans fans = fans_of(t, s);
      const double gain = s.a == 0 ? M_SQRT2 : s.a;
      return normal(out, n, 0, gain / std::sqrt(s.b == 0 ? fans.in : fans.out), key);
    }
    case InitKind::kaiming_uniform: {
      const double bound = (s.a == 0 ? 1.0 : s.a) / std::sqrt(fans_of(t, s).in);
      return uniform(out, n, -bound, bound, key);
    }
    case InitKind::data:
      return;
  }
}

}  // namespace

void initialise(at::Tensor& tensor, const InitSpec& spec, uint64_t key) {
  c10::NoGradGuard no_grad;
  if (tensor.numel() == 0) return;
  if (spec.kind == InitKind::data) {
    if (spec.data.size() != tensor.nbytes()) {
      throw Error(Exit::failed,
                  fmt::format("initial data of {} bytes for a tensor of {}", spec.data.size(), tensor.nbytes()));
    }
    std::memcpy(tensor.mutable_data_ptr(), spec.data.data(), spec.data.size());
    return;
  }
  if (spec.kind == InitKind::constant) {
    tensor.fill_(spec.a);
    return;
  }
  if (tensor.scalar_type() == at::kFloat) {
    fill_f32(tensor, spec, key);
    return;
  }
  at::Tensor values = at::empty(tensor.sizes(), at::kFloat);
  fill_f32(values, spec, key);
  tensor.copy_(values);
}

}  // namespace selfsup::model
