#include "evaluate/ridge.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/random.h"

namespace selfsup::evaluate {

Ridge::Ridge(const at::Tensor& features, const at::Tensor& labels, int64_t classes) {
  at::NoGradGuard no_grad;
  const at::Tensor raw = features.to(at::kCPU, at::kDouble);
  mean_ = raw.mean(0, /*keepdim=*/true);
  // A column that hardly varies must not be blown up into noise.
  const at::Tensor spread = raw.std(0, /*unbiased=*/false, /*keepdim=*/true);
  scale_ = spread.clamp_min(1e-6 * spread.max().item<double>() + 1e-12);
  const at::Tensor x = (raw - mean_) / scale_;
  const at::Tensor targets = at::one_hot(labels.to(at::kCPU), classes).to(at::kDouble);
  bias_ = targets.mean(0, /*keepdim=*/true);
  const at::Tensor y = targets - bias_;

  // Thin SVD x = U S V^T by way of the smaller Gram matrix.
  const bool wide = x.size(1) > x.size(0);
  auto [squares, vectors] = at::linalg_eigh(wide ? x.mm(x.t()) : x.t().mm(x));
  const at::Tensor keep = (squares > squares.max() * 1e-12).nonzero().squeeze(1);
  squares = squares.index_select(0, keep);
  vectors = vectors.index_select(1, keep);
  const at::Tensor s = squares.sqrt();
  const at::Tensor u = wide ? vectors : x.mm(vectors) / s;
  const at::Tensor v = wide ? x.t().mm(vectors) / s : vectors;
  const at::Tensor projected = u.t().mm(y);

  // Leave-one-out residual of row i: (y_i - fit_i) / (1 - h_i); the fitted mean takes 1/N of its own.
  const double n = static_cast<double>(x.size(0));
  double best = std::numeric_limits<double>::infinity();
  for (int exponent = -4; exponent <= 8; ++exponent) {
    const double penalty = n * std::pow(10.0, 0.5 * exponent - 2);
    const at::Tensor shrink = squares / (squares + penalty);
    const at::Tensor fit = (u * shrink).mm(projected);
    const at::Tensor own = (u * u).mv(shrink) + 1 / n;
    const at::Tensor residual = (y - fit) / (1 - own).clamp_min(1e-9).unsqueeze(1);
    const double error = residual.square().sum().item<double>();
    if (error < best) {
      best = error;
      penalty_ = penalty;
    }
  }
  weights_ = (v * (s / (squares + penalty_))).mm(projected);
}

at::Tensor Ridge::predict(const at::Tensor& features) const {
  at::NoGradGuard no_grad;
  std::vector<at::Tensor> out;
  for (const at::Tensor& some : features.split(1024)) {  // in double, of wide features no whole copy
    const at::Tensor x = (some.to(at::kCPU, at::kDouble) - mean_) / scale_;
    out.push_back((x.mm(weights_) + bias_).argmax(1));
  }
  return at::cat(out);
}

std::vector<int64_t> draw_labelled(const at::Tensor& labels, int64_t classes, int64_t count, uint64_t key) {
  const at::Tensor own = labels.to(at::kCPU, at::kLong).contiguous();
  const int64_t* label = own.const_data_ptr<int64_t>();
  std::vector<int64_t> order(static_cast<size_t>(own.numel()));
  std::iota(order.begin(), order.end(), 0);
  KeyedRandom random(key);
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  // Each class's rows in that order; then one of every class in turn.
  std::vector<std::vector<int64_t>> of_class(static_cast<size_t>(classes));
  for (int64_t row : order) of_class[static_cast<size_t>(label[row])].push_back(row);
  std::vector<int64_t> out;
  for (size_t turn = 0; static_cast<int64_t>(out.size()) < std::min<int64_t>(count, own.numel()); ++turn)
    for (const auto& rows : of_class)
      if (turn < rows.size() && static_cast<int64_t>(out.size()) < count) out.push_back(rows[turn]);
  return out;
}

}  // namespace selfsup::evaluate
