#include "model/init.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <tuple>

#include "base/errors.h"
#include "base/random.h"

namespace selfsup::model {
namespace {

// Elements are functions of (key, index): the same in any order and with any number of threads.
uint64_t bits(uint64_t key, uint64_t index) { return mix64(key ^ mix64(index + 0x632be59bd9b4e019ull)); }
// (0, 1), both ends open: of one bit more, the largest would round to 1.
double open_unit(uint64_t b) { return (static_cast<double>(b >> 12) + 0.5) * 0x1.0p-52; }

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
  const double low = normal_cdf((s.lo - s.a) / s.b), high = normal_cdf((s.hi - s.a) / s.b);
  fill(out, n, [&](uint64_t i) {
    const double x = s.a + s.b * normal_quantile(low + (high - low) * open_unit(bits(key, i)));
    return std::clamp(x, s.lo, s.hi);
  });
}

// The fan that is stated, or else the shape's, as in torch.nn.init: of [out, in, …], everything after the second
// dimension multiplies both. 0: there is none.
double fan(int64_t stated, at::IntArrayRef sizes, size_t dimension) {
  if (stated > 0) return static_cast<double>(stated);
  if (sizes.size() < 2) return 0;
  double all = static_cast<double>(sizes[dimension]);
  for (size_t i = 2; i < sizes.size(); ++i) all *= static_cast<double>(sizes[i]);
  return all;
}
double fan_in(const InitSpec& s, at::IntArrayRef sizes) { return fan(s.fan_in, sizes, 1); }
double fan_out(const InitSpec& s, at::IntArrayRef sizes) { return fan(s.fan_out, sizes, 0); }

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
      const double fans = fan_in(s, t.sizes()) + fan_out(s, t.sizes());
      const double bound = (s.a == 0 ? 1.0 : s.a) * std::sqrt(6.0 / fans);
      return uniform(out, n, -bound, bound, key);
    }
    case InitKind::kaiming_normal: {
      const double gain = s.a == 0 ? M_SQRT2 : s.a;
      return normal(out, n, 0, gain / std::sqrt(s.b == 0 ? fan_in(s, t.sizes()) : fan_out(s, t.sizes())), key);
    }
    case InitKind::kaiming_uniform: {
      const double bound = (s.a == 0 ? 1.0 : s.a) / std::sqrt(fan_in(s, t.sizes()));
      return uniform(out, n, -bound, bound, key);
    }
    case InitKind::data:
      return;
  }
}

}  // namespace

std::string fault_of(const InitSpec& s, at::IntArrayRef sizes, uint64_t bytes) {
  using K = InitKind;
  if (s.kind == K::data) {
    return s.data.size() == bytes ? "" : fmt::format("it has {} bytes, its initial data {}", bytes, s.data.size());
  }
  if (bytes == 0) return {};
  if (s.kind == K::trunc_normal && !(s.lo < s.hi))
    return fmt::format("trunc_normal: lo {} is not below hi {}", s.lo, s.hi);
  if (s.kind == K::trunc_normal && !(s.b > 0))
    return fmt::format("trunc_normal: the deviation {} is not positive", s.b);
  if (s.kind == K::kaiming_normal && s.b != 0 && s.b != 1)
    return fmt::format("kaiming_normal: b is {}; 0 stands for fan_in, 1 for fan_out", s.b);
  const bool by_out = s.kind == K::kaiming_normal && s.b == 1;
  const bool needs_in =
      s.kind == K::xavier_uniform || s.kind == K::kaiming_uniform || (s.kind == K::kaiming_normal && !by_out);
  const bool needs_out = s.kind == K::xavier_uniform || by_out;
  for (const auto& [needed, name, value] :
       {std::tuple{needs_in, "fan_in", fan_in(s, sizes)}, std::tuple{needs_out, "fan_out", fan_out(s, sizes)}}) {
    if (needed && !(value > 0))
      return fmt::format(
          "a tensor of {} dimension(s) implies no {}; state it in ssp_init (Init::fans of the C++ layer)", sizes.size(),
          name);
  }
  return {};
}

void initialise(at::Tensor& tensor, const InitSpec& spec, uint64_t key) {
  c10::NoGradGuard no_grad;
  if (const std::string fault = fault_of(spec, tensor.sizes(), tensor.nbytes()); !fault.empty())
    throw Error(Exit::failed, "initial values of a tensor: " + fault);
  if (tensor.numel() == 0) return;
  if (spec.kind == InitKind::constant) {
    tensor.fill_(spec.a);
    return;
  }
  if (!tensor.is_contiguous()) {  // rules and data go by the index of an element, not by its place in memory
    at::Tensor values = at::empty(tensor.sizes(), tensor.options(), at::MemoryFormat::Contiguous);
    initialise(values, spec, key);
    tensor.copy_(values);
    return;
  }
  if (spec.kind == InitKind::data) {
    std::memcpy(tensor.mutable_data_ptr(), spec.data.data(), spec.data.size());
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
