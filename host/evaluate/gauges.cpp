#include "evaluate/gauges.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>

namespace selfsup::evaluate {
namespace {

double spread(const at::Tensor& features) {
  const at::Tensor unit = features / features.norm(2, {1}, /*keepdim=*/true).clamp_min(1e-12);
  return unit.std(0, /*unbiased=*/false).mean().item<double>() * std::sqrt(static_cast<double>(features.size(1)));
}

double effective_rank(const at::Tensor& features) {
  const at::Tensor x = (features - features.mean(0, /*keepdim=*/true)).to(at::kCPU, at::kDouble);
  const bool wide = x.size(1) > x.size(0);
  const at::Tensor s = at::linalg_eigvalsh(wide ? x.mm(x.t()) : x.t().mm(x)).clamp_min(0).sqrt();
  const double sum = s.sum().item<double>();
  if (!(sum > 0)) return 0;
  const at::Tensor share = s / sum;
  return std::exp(-(share * share.clamp_min(1e-300).log()).sum().item<double>());
}

}  // namespace

Gauges gauges_of(const at::Tensor& features) {
  at::NoGradGuard no_grad;
  return {spread(features), effective_rank(features)};
}

}  // namespace selfsup::evaluate
