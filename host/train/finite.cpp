#include "train/finite.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "train/dense_floats.h"

namespace selfsup::train {
namespace {

// 0 times what is not finite is NaN, which stays in a sum.
bool finite(const FloatPiece& piece) {
  float lane[8] = {};
  int64_t i = 0;
  for (; i + 8 <= piece.count; i += 8)
    for (int k = 0; k < 8; ++k) lane[k] += piece.data[i + k] * 0.0f;
  float sum = 0;
  for (; i < piece.count; ++i) sum += piece.data[i] * 0.0f;
  for (const float value : lane) sum += value;
  return sum == 0;
}

std::optional<size_t> first_on_cpu(const std::vector<at::Tensor>& tensors) {
  const std::vector<FloatPiece> pieces = pieces_of(tensors);
  std::vector<uint8_t> bad(pieces.size());
  for_each_piece(pieces, [&](size_t i) { bad[i] = !finite(pieces[i]); });
  const auto first = std::ranges::find(bad, 1);
  if (first == bad.end()) return std::nullopt;
  return pieces[static_cast<size_t>(first - bad.begin())].tensor;
}

}  // namespace

std::optional<size_t> first_not_finite(const std::vector<at::Tensor>& tensors) {
  const at::NoGradGuard no_grad;
  if (std::ranges::all_of(tensors, dense_floats)) return first_on_cpu(tensors);
  std::vector<at::Tensor> some;  // an empty tensor has no largest element
  std::vector<size_t> places;
  for (size_t i = 0; i < tensors.size(); ++i)
    if (tensors[i].numel() > 0) some.push_back(tensors[i].detach()), places.push_back(i);
  if (some.empty()) return std::nullopt;
  const at::Tensor largest =
      at::stack(at::_foreach_norm(some, std::numeric_limits<double>::infinity())).to(at::kFloat).cpu();
  for (size_t i = 0; i < places.size(); ++i)
    if (!std::isfinite(largest.const_data_ptr<float>()[i])) return places[i];
  return std::nullopt;
}

}  // namespace selfsup::train
