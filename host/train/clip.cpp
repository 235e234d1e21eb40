#include "train/clip.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "train/dense_floats.h"

namespace selfsup::train {
namespace {

double square_sum(const float* x, int64_t n) {
  double total = 0;
  for (int64_t start = 0; start < n; start += 256) {
    // Eight lanes that the compiler keeps in one vector; short runs in float lose nothing that matters to a norm.
    float lane[8] = {};
    const int64_t stop = std::min(n, start + 256);
    int64_t i = start;
    for (; i + 8 <= stop; i += 8)
      for (int k = 0; k < 8; ++k) lane[k] += x[i + k] * x[i + k];
    double sum = 0;
    for (; i < stop; ++i) sum += static_cast<double>(x[i]) * x[i];
    for (float value : lane) sum += value;
    total += sum;
  }
  return total;
}

at::Tensor norm_on_cpu(const std::vector<at::Tensor>& gradients) {
  const std::vector<FloatPiece> pieces = pieces_of(gradients);
  std::vector<double> sums(pieces.size());
  for_each_piece(pieces, [&](size_t i) { sums[i] = square_sum(pieces[i].data, pieces[i].count); });
  return at::full({}, std::sqrt(std::accumulate(sums.begin(), sums.end(), 0.0)), at::kFloat);
}

}  // namespace

ClipSettings clip_settings(const Json& node) {
  ClipSettings settings;
  if (node.is_null()) return settings;
  if (node.get("type").as_string() == "value") {
    settings.kind = ClipSettings::Kind::value;
    settings.limit = node.get("clip_value").as_double();
  } else {
    settings.kind = ClipSettings::Kind::norm;
    settings.limit = node.get("max_norm").as_double();
    const Json& p = node.get("norm_type");
    settings.norm_type = p.is_string() ? std::numeric_limits<double>::infinity() : p.as_double();  // "inf"
  }
  return settings;
}

at::Tensor gradient_norm(const std::vector<at::Tensor>& gradients, double norm_type) {
  at::NoGradGuard no_grad;
  if (gradients.empty()) return at::zeros({}, at::kFloat);
  if (norm_type == 2 && std::ranges::all_of(gradients, dense_floats)) return norm_on_cpu(gradients);
  return at::linalg_vector_norm(at::stack(at::_foreach_norm(gradients, norm_type)), norm_type).to(at::kFloat);
}

void clip_gradients(const std::vector<at::Tensor>& gradients, const std::optional<at::Tensor>& norm,
                    const ClipSettings& settings) {
  at::NoGradGuard no_grad;
  if (settings.kind == ClipSettings::Kind::none || gradients.empty()) return;
  if (settings.kind == ClipSettings::Kind::value) {
    at::_foreach_clamp_min_(gradients, -settings.limit);
    at::_foreach_clamp_max_(gradients, settings.limit);
    return;
  }
  const at::Tensor factor = at::clamp_max(settings.limit / (norm.value() + 1e-6), 1.0);
  if (factor.device().is_cpu() && factor.item<float>() >= 1) return;  // reading costs nothing on the CPU
  at::_foreach_mul_(gradients, factor);
}

}  // namespace selfsup::train
