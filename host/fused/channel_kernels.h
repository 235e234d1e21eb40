// Passes of a batch norm over rows of channels, [rows, width], with an activation and an addition in them, for each
// instruction set; see kernels.h. Knows no tensors.
#pragma once
#include <cstdint>

namespace selfsup::fused {

// Whether a ReLU lets a gradient pass, one bit for each number: so many words of 16 bits a row.
inline int64_t words_of_row(int64_t width) { return (width + 15) / 16; }

// y = (x - mean) * factor + bias, each [width].
struct ChannelNorm {
  const float *mean, *factor, *bias;
};

// dx = by_g * g + by_x * (x - mean) + constant, each [width]; by_x null: by_g * g. Of g, the gradient behind the ReLU.
struct ChannelSlopes {
  const float *mean, *by_g, *by_x, *constant;
};

template <class T>
struct ChannelKernels {
  // Each channel's mean over the rows, and its sum of squared distances from that. scratch: [width].
  void (*moments)(const T* x, int64_t rows, int64_t width, float* mean, float* squares, float* scratch);
  // y = norm(x) + residual, or the positive part of that. residual null: 0; open null: not kept.
  void (*norm_act)(const ChannelNorm& norm, const T* x, const T* residual, int64_t rows, int64_t width, bool relu, T* y,
                   uint16_t* open);
  // Of g, dy where the ReLU lets it pass: its sum over rows, and that of g * (x - mean); [width] each. open null: dy.
  void (*norm_act_sums)(const T* x, const T* dy, const uint16_t* open, int64_t rows, int64_t width, const float* mean,
                        float* sum, float* with_x);
  // dx by the slopes, and g itself. dx null, g null: not wanted.
  void (*norm_act_backward)(const ChannelSlopes& slopes, const T* x, const T* dy, const uint16_t* open, int64_t rows,
                            int64_t width, T* dx, T* g);
};

}  // namespace selfsup::fused
