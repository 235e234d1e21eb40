// SPDX-License-Identifier: Apache-2.0
// Layers and resampling as functions.
#pragma once
#include "ssp/cpp/ops_reduce.hpp"

namespace ssp {
inline namespace v0 {

namespace aten {
SSP_OP(linear, "linear", "", "input,weight,bias");
SSP_OP(conv2d, "conv2d", "", "input,weight,bias,stride,padding,dilation,groups");
SSP_OP(conv_transpose2d, "conv_transpose2d", "input",
       "input,weight,bias,stride,padding,output_padding,groups,dilation");
SSP_OP(max_pool2d, "max_pool2d", "", "self,kernel_size,stride,padding");
SSP_OP(avg_pool2d, "avg_pool2d", "", "self,kernel_size,stride,padding");
SSP_OP(adaptive_avg_pool2d, "adaptive_avg_pool2d", "", "self,output_size");
SSP_OP(layer_norm, "layer_norm", "", "input,normalized_shape,weight,bias,eps");
SSP_OP(group_norm, "group_norm", "", "input,num_groups,weight,bias,eps");
SSP_OP(rms_norm, "rms_norm", "", "input,normalized_shape,weight,eps");
SSP_OP(gelu, "gelu", "", "self,approximate");
SSP_OP(elu, "elu", "", "self,alpha");
SSP_OP(prelu, "prelu", "", "self,weight");
SSP_OP(leaky_relu, "leaky_relu", "", "self,negative_slope");
SSP_OP(softplus, "softplus", "", "self");
SSP_OP(softmax, "softmax", "int", "self,dim");
SSP_OP(log_softmax, "log_softmax", "int", "self,dim");
SSP_OP(attention, "scaled_dot_product_attention", "", "query,key,value,attn_mask");
SSP_OP(upsample_nearest2d, "upsample_nearest2d", "", "self,output_size");
SSP_OP(upsample_bilinear2d, "upsample_bilinear2d", "", "self,output_size,align_corners");
SSP_OP(upsample_bicubic2d, "upsample_bicubic2d", "", "self,output_size,align_corners");
SSP_OP(im2col, "im2col", "", "self,kernel_size,dilation,padding,stride");
SSP_OP(col2im, "col2im", "", "self,output_size,kernel_size,dilation,padding,stride");
SSP_OP(pixel_shuffle, "pixel_shuffle", "", "self,upscale_factor");
SSP_OP(pixel_unshuffle, "pixel_unshuffle", "", "self,downscale_factor");
SSP_OP(affine_grid, "affine_grid_generator", "", "theta,size,align_corners");
SSP_OP(grid_sample, "grid_sampler", "", "input,grid,interpolation_mode,padding_mode,align_corners");
}  // namespace aten

// bias, weight: an empty tensor stands for none.
SSP_IF_USED inline Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {}) {
  return call<aten::linear>(x, weight, bias);
}
SSP_IF_USED inline Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {}, Ints stride = {1, 1},
                                 Ints padding = {0, 0}, Ints dilation = {1, 1}, int64_t groups = 1) {
  return call<aten::conv2d>(x, weight, bias, stride, padding, dilation, groups);
}
// weight [in, out / groups, kh, kw].
SSP_IF_USED inline Tensor conv_transpose2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
                                           Ints stride = {1, 1}, Ints padding = {0, 0}, Ints output_padding = {0, 0},
                                           int64_t groups = 1, Ints dilation = {1, 1}) {
  return call<aten::conv_transpose2d>(x, weight, bias, stride, padding, output_padding, groups, dilation);
}
SSP_IF_USED inline Tensor max_pool2d(const Tensor& x, Ints kernel, Ints stride, Ints padding = {0, 0}) {
  return call<aten::max_pool2d>(x, kernel, stride, padding);
}
SSP_IF_USED inline Tensor avg_pool2d(const Tensor& x, Ints kernel, Ints stride, Ints padding = {0, 0}) {
  return call<aten::avg_pool2d>(x, kernel, stride, padding);
}
SSP_IF_USED inline Tensor adaptive_avg_pool2d(const Tensor& x, Ints output) {
  return call<aten::adaptive_avg_pool2d>(x, output);
}
SSP_IF_USED inline Tensor layer_norm(const Tensor& x, Ints shape, const Tensor& weight, const Tensor& bias,
                                     double eps) {
  return call<aten::layer_norm>(x, shape, weight, bias, eps);
}
SSP_IF_USED inline Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& weight, const Tensor& bias,
                                     double eps) {
  return call<aten::group_norm>(x, groups, weight, bias, eps);
}
SSP_IF_USED inline Tensor rms_norm(const Tensor& x, Ints shape, const Tensor& weight, double eps) {
  return call<aten::rms_norm>(x, shape, weight, eps);
}
// The matrix v [out, in] with rows of length g [out, 1], as torch.nn.utils.weight_norm of a Linear.
SSP_IF_USED inline Tensor weight_norm(const Tensor& v, const Tensor& g) {
  return v * (g / vector_norm(v, 2, {1}, true));
}
// approximate: "none" is exact (erf), or "tanh".
SSP_IF_USED inline Tensor gelu(const Tensor& x, const char* approximate = "none") {
  return call<aten::gelu>(x, approximate);
}
SSP_IF_USED inline Tensor elu(const Tensor& x, double alpha = 1) { return call<aten::elu>(x, alpha); }
SSP_IF_USED inline Tensor prelu(const Tensor& x, const Tensor& weight) { return call<aten::prelu>(x, weight); }
SSP_IF_USED inline Tensor leaky_relu(const Tensor& x, double slope = 0.01) { return call<aten::leaky_relu>(x, slope); }
SSP_IF_USED inline Tensor softplus(const Tensor& x) { return call<aten::softplus>(x); }
SSP_IF_USED inline Tensor softmax(const Tensor& x, int64_t dim) { return call<aten::softmax>(x, dim); }
SSP_IF_USED inline Tensor log_softmax(const Tensor& x, int64_t dim) { return call<aten::log_softmax>(x, dim); }
// [B, heads, L, head_dim]; mask: added to the logits, or boolean with true = attend.
SSP_IF_USED inline Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                                       const Tensor& mask = {}) {
  return call<aten::attention>(q, k, v, mask);
}

SSP_IF_USED inline Tensor upsample_nearest2d(const Tensor& x, Ints size) {
  return call<aten::upsample_nearest2d>(x, size);
}
SSP_IF_USED inline Tensor upsample_bilinear2d(const Tensor& x, Ints size, bool align_corners = false) {
  return call<aten::upsample_bilinear2d>(x, size, align_corners);
}
SSP_IF_USED inline Tensor upsample_bicubic2d(const Tensor& x, Ints size, bool align_corners = false) {
  return call<aten::upsample_bicubic2d>(x, size, align_corners);
}
// [N, C, H, W] -> [N, C * kh * kw, L], torch.nn.functional.unfold.
SSP_IF_USED inline Tensor im2col(const Tensor& x, Ints kernel, Ints stride, Ints padding = {0, 0},
                                 Ints dilation = {1, 1}) {
  return call<aten::im2col>(x, kernel, dilation, padding, stride);
}
// The way back, overlaps summed: torch.nn.functional.fold.
SSP_IF_USED inline Tensor col2im(const Tensor& x, Ints output, Ints kernel, Ints stride, Ints padding = {0, 0},
                                 Ints dilation = {1, 1}) {
  return call<aten::col2im>(x, output, kernel, dilation, padding, stride);
}
SSP_IF_USED inline Tensor pixel_shuffle(const Tensor& x, int64_t factor) {
  return call<aten::pixel_shuffle>(x, factor);
}
SSP_IF_USED inline Tensor pixel_unshuffle(const Tensor& x, int64_t factor) {
  return call<aten::pixel_unshuffle>(x, factor);
}
// theta [N, 2, 3], size {N, C, H, W} -> [N, H, W, 2].
SSP_IF_USED inline Tensor affine_grid(const Tensor& theta, Ints size, bool align_corners = false) {
  return call<aten::affine_grid>(theta, size, align_corners);
}
enum class Sampling : int64_t { bilinear = 0, nearest = 1, bicubic = 2 };
enum class Outside : int64_t { zeros = 0, border = 1, reflection = 2 };
// x [N, C, H, W] at grid [N, h, w, 2] in -1 … 1, as torch.nn.functional.grid_sample.
SSP_IF_USED inline Tensor grid_sample(const Tensor& x, const Tensor& grid, Sampling mode = Sampling::bilinear,
                                      Outside outside = Outside::zeros, bool align_corners = false) {
  return call<aten::grid_sample>(x, grid, static_cast<int64_t>(mode), static_cast<int64_t>(outside), align_corners);
}

template <class>
Tensor Tensor::softmax(int64_t dim) const {
  return ssp::softmax(*this, dim);
}
template <class>
Tensor Tensor::log_softmax(int64_t dim) const {
  return ssp::log_softmax(*this, dim);
}

}  // namespace v0
}  // namespace ssp
