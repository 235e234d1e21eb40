#include "fused/branch.h"

namespace selfsup::fused {

ReadLinear::ReadLinear(const Linear& layer, const at::Tensor& scale, bool half_types)
    : weight(layer.weight), bias(layer.bias.defined() ? layer.bias : at::zeros({layer.weight.size(0)}, at::kFloat)) {
  if (scale.defined()) weight = weight * scale.unsqueeze(1), bias = bias * scale;
  if (half_types) weight = weight.to(at::kBFloat16);
}

ReadNorm::ReadNorm(const Norm& norm, int64_t width)
    : weight(norm.weight.defined() ? norm.weight : at::ones({width}, at::kFloat)),
      bias(norm.bias.defined() ? norm.bias : at::zeros({width}, at::kFloat)),
      eps(static_cast<float>(norm.eps)) {}

at::Tensor factor_of_rows(const at::Tensor& keep, int64_t rows_of_sample) {
  if (!keep.defined()) return {};
  // Not reshape: of one sample, or of one row each, that is a view of keep, which may be changed before the backward.
  return keep.unsqueeze(1).expand({keep.size(0), rows_of_sample}).clone(at::MemoryFormat::Contiguous).view({-1});
}

at::Tensor gradient_of_scale(const Linear& layer, const at::Tensor& scale, const at::Tensor& weight_gradient,
                             const at::Tensor& bias_gradient) {
  if (!scale.defined()) return {};
  const int64_t rows = layer.weight.size(0), columns = layer.weight.size(1);
  at::Tensor gradient = at::zeros({rows}, at::kFloat);
  const float *w = floats_of(layer.weight), *b = floats_of(layer.bias), *by = floats_of(scale);
  float *dw = floats_of(weight_gradient), *db = floats_of(bias_gradient), *out = floats_of(gradient);
  // The branch is scale * (g . w + b): what reaches the scale is what reached w and b, times w and b.
  at::parallel_for(0, rows, 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      double sum = b && db ? static_cast<double>(b[i]) * static_cast<double>(db[i]) : 0;
      for (int64_t k = 0; dw && k < columns; ++k) {
        float& g = dw[i * columns + k];
        sum += static_cast<double>(w[i * columns + k]) * static_cast<double>(g);
        g *= by[i];
      }
      if (db) db[i] *= by[i];
      out[i] = static_cast<float>(sum);
    }
  });
  return gradient;
}

}  // namespace selfsup::fused
