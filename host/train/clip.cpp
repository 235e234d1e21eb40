#include "train/clip.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace selfsup::train {
namespace {

constexpr int64_t chunk = 1 << 15;  // elements a task sums at once; the result does not depend on the threads

bool plain_on_cpu(const at::Tensor& t) {
  return t.device().is_cpu() && t.scalar_type() == at::kFloat && t.layout() == at::kStrided &&
         t.is_non_overlapping_and_dense();
}

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

// Many small tensors cost an operator call each the general way; this reads them once.
at::Tensor norm_on_cpu(const std::vector<at::Tensor>& gradients) {
  struct Piece {
    const float* data;
    int64_t count;
  };
  std::vector<Piece> pieces;
  int64_t elements = 0;
  for (const at::Tensor& g : gradients) {
    const float* data = g.const_data_ptr<float>();
    for (int64_t at = 0; at < g.numel(); at += chunk) pieces.push_back({data + at, std::min(chunk, g.numel() - at)});
    elements += g.numel();
  }
  std::vector<double> sums(pieces.size());
  const auto work = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) sums[i] = square_sum(pieces[i].data, pieces[i].count);
  };
  const auto count = static_cast<int64_t>(pieces.size());
  if (elements < 4 * chunk) {
    work(0, count);
  } else {
    at::parallel_for(0, count, 1, work);
  }
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
  if (norm_type == 2 && std::ranges::all_of(gradients, plain_on_cpu)) return norm_on_cpu(gradients);
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
