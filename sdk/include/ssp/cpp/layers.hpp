// SPDX-License-Identifier: Apache-2.0
// Single layers that own parameters. Each declares them under the scope that it is given, by torch's names.
#pragma once
#include <cmath>

#include "ssp/cpp/call.hpp"
#include "ssp/cpp/ops.hpp"
#include "ssp/cpp/scope.hpp"

namespace ssp {
inline namespace v0 {
namespace nn {

// x [..., in] -> [..., out]; weight [out, in], bias [out].
struct Linear {
  Tensor weight, bias;
  Linear(const Scope& s, int64_t in, int64_t out, bool with_bias = true)
      : Linear(s, in, out, with_bias, Init::torch_default(), Init::torch_default(in)) {}
  Linear(const Scope& s, int64_t in, int64_t out, bool with_bias, const Init& weight_init, const Init& bias_init)
      : weight(s.parameter("weight", {out, in}, weight_init)) {
    if (with_bias) bias = s.parameter("bias", {out}, bias_init, SSP_ROLE_BIAS);
  }
  SSP_IF_USED Tensor operator()(const Tensor& x) const { return linear(x, weight, bias); }
};

// x [N, in, H, W]; weight [out, in, k, k], bias [out].
struct Conv2d {
  Tensor weight, bias;
  int64_t stride, padding;
  Conv2d(const Scope& s, int64_t in, int64_t out, int64_t kernel, int64_t stride_ = 1, int64_t padding_ = 0,
         bool with_bias = true)
      : Conv2d(s, in, out, kernel, stride_, padding_, with_bias, Init::torch_default()) {}
  Conv2d(const Scope& s, int64_t in, int64_t out, int64_t kernel, int64_t stride_, int64_t padding_, bool with_bias,
         const Init& weight_init)
      : weight(s.parameter("weight", {out, in, kernel, kernel}, weight_init)), stride(stride_), padding(padding_) {
    if (with_bias) bias = s.parameter("bias", {out}, Init::torch_default(in * kernel * kernel), SSP_ROLE_BIAS);
  }
  SSP_IF_USED Tensor operator()(const Tensor& x) const {
    return conv2d(x, weight, bias, {stride, stride}, {padding, padding});
  }
};

// Over the last dimension.
struct LayerNorm {
  Tensor weight, bias;
  int64_t dim;
  double eps;
  LayerNorm(const Scope& s, int64_t dim_, double eps_ = 1e-5)
      : weight(s.parameter("weight", {dim_}, Init::ones(), SSP_ROLE_NORM)),
        bias(s.parameter("bias", {dim_}, Init::zeros(), SSP_ROLE_NORM)),
        dim(dim_),
        eps(eps_) {}
  SSP_IF_USED Tensor operator()(const Tensor& x) const { return layer_norm(x, {dim}, weight, bias, eps); }
};

}  // namespace nn
}  // namespace v0
}  // namespace ssp
