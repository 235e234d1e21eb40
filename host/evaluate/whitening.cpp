#include "evaluate/whitening.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>

namespace selfsup::evaluate {

Whitening::Whitening(const at::Tensor& rows, int64_t components) {
  const at::NoGradGuard no_grad;
  const at::Tensor raw = rows.to(at::kCPU, at::kFloat);
  mean_ = raw.mean(0, /*keepdim=*/true);
  const at::Tensor x = raw - mean_;
  // By way of the smaller Gram matrix: x = U S V^T, variances S^2 / N.
  const bool wide = x.size(1) > x.size(0);
  auto [squares, vectors] = at::linalg_eigh(wide ? x.mm(x.t()) : x.t().mm(x));
  const int64_t rank = (squares > squares.max() * 1e-6).sum().item<int64_t>();
  const int64_t kept = std::clamp<int64_t>(std::min(components, rank), 1, squares.size(0));
  const at::Tensor s = squares.slice(0, -kept).clamp_min(1e-12).sqrt(), turned = vectors.slice(1, -kept);
  turn_ = (wide ? x.t().mm(turned) / s : turned) * (std::sqrt(static_cast<double>(x.size(0))) / s);
}

at::Tensor Whitening::operator()(const at::Tensor& rows) const {
  const at::NoGradGuard no_grad;
  return (rows.to(at::kCPU, at::kFloat) - mean_).mm(turn_);
}

}  // namespace selfsup::evaluate
