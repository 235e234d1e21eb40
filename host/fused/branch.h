// What the branches of both half-blocks share: weights as the products read them, with the layer scale in those of the
// last one, and the gradients of what went into them. Knows no activation and no attention.
#pragma once
#include "fused/blocks.h"
#include "fused/half_blocks.h"

namespace selfsup::fused {

// A linear layer as products read it. scale: [out], or undefined.
struct ReadLinear {
  at::Tensor weight, bias;  // f32 or bf16; f32, zeros where the layer has none
  ReadLinear(const Linear& layer, const at::Tensor& scale, bool half_types);
};

// Norm weights with ones and zeros for those that are not there.
struct ReadNorm {
  at::Tensor weight, bias;
  float eps;
  ReadNorm(const Norm& norm, int64_t width);
};

// [B] -> a factor for each row; undefined stays so.
at::Tensor factor_of_rows(const at::Tensor& keep, int64_t rows_of_sample);

// dy [rows, width] times the factor of each row, as products read it: in `room` where that is another number, else dy
// itself, and room is null. sum [width] += it over rows.
template <class T>
const T* read_dy(const TypedKernels<T>& kernels, const float* dy, const float* factor, int64_t rows, int64_t width,
                 T* room, float* sum) {
  kernels.weigh(dy, factor, rows, width, room, sum);
  if constexpr (sizeof(T) == sizeof(float))
    if (!room) return dy;
  return room;
}

// From the gradients of ReadLinear's weight and bias: those become the layer's own in place, and the result is the
// scale's. scale undefined: nothing is changed. weight_gradient may be undefined where neither is asked for.
at::Tensor gradient_of_scale(const Linear& layer, const at::Tensor& scale, const at::Tensor& weight_gradient,
                             const at::Tensor& bias_gradient);

}  // namespace selfsup::fused
