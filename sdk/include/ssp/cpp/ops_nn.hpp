// SPDX-License-Identifier: Apache-2.0
// Layers and losses as functions.
#pragma once
#include "ssp/cpp/op.hpp"

namespace ssp {
inline namespace v0 {

enum class Reduction : int64_t { none = 0, mean = 1, sum = 2 };

namespace op {
SSP_OP(linear, "linear", "", "input,weight,bias");
SSP_OP(conv2d, "conv2d", "", "input,weight,bias,stride,padding,dilation,groups");
SSP_OP(max_pool2d, "max_pool2d", "", "self,kernel_size,stride,padding");
SSP_OP(avg_pool2d, "avg_pool2d", "", "self,kernel_size,stride,padding");
SSP_OP(adaptive_avg_pool2d, "adaptive_avg_pool2d", "", "self,output_size");
SSP_OP(layer_norm, "layer_norm", "", "input,normalized_shape,weight,bias,eps");
SSP_OP(group_norm, "group_norm", "", "input,num_groups,weight,bias,eps");
SSP_OP(weight_norm, "_weight_norm", "", "v,g,dim");
SSP_OP(gelu, "gelu", "", "self,approximate");
SSP_OP(leaky_relu, "leaky_relu", "", "self,negative_slope");
SSP_OP(softplus, "softplus", "", "self");
SSP_OP(softmax, "softmax", "int", "self,dim");
SSP_OP(log_softmax, "log_softmax", "int", "self,dim");
SSP_OP(attention, "scaled_dot_product_attention", "", "query,key,value,attn_mask");
SSP_OP(cross_entropy_loss, "cross_entropy_loss", "", "self,target,weight,reduction,ignore_index,label_smoothing");
SSP_OP(mse_loss, "mse_loss", "", "self,target,reduction");
SSP_OP(l1_loss, "l1_loss", "", "self,target,reduction");
SSP_OP(smooth_l1_loss, "smooth_l1_loss", "", "self,target,reduction,beta");
SSP_OP(kl_div, "kl_div", "", "self,target,reduction,log_target");
SSP_OP(bce_logits, "binary_cross_entropy_with_logits", "", "self,target,weight,pos_weight,reduction");
SSP_OP(cosine_similarity, "cosine_similarity", "", "x1,x2,dim,eps");
SSP_OP(upsample_nearest2d, "upsample_nearest2d", "", "self,output_size");
SSP_OP(upsample_bilinear2d, "upsample_bilinear2d", "", "self,output_size,align_corners");
SSP_OP(upsample_bicubic2d, "upsample_bicubic2d", "", "self,output_size,align_corners");
SSP_OP(im2col, "im2col", "", "self,kernel_size,dilation,padding,stride");
SSP_OP(pixel_shuffle, "pixel_shuffle", "", "self,upscale_factor");
}  // namespace op

// bias, weight: an empty tensor stands for none.
SSP_IF_USED inline Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {}) {
  return call<op::linear>(x, weight, bias);
}
SSP_IF_USED inline Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {}, Ints stride = {1, 1},
                                 Ints padding = {0, 0}, Ints dilation = {1, 1}, int64_t groups = 1) {
  return call<op::conv2d>(x, weight, bias, stride, padding, dilation, groups);
}
SSP_IF_USED inline Tensor max_pool2d(const Tensor& x, Ints kernel, Ints stride, Ints padding = {0, 0}) {
  return call<op::max_pool2d>(x, kernel, stride, padding);
}
SSP_IF_USED inline Tensor avg_pool2d(const Tensor& x, Ints kernel, Ints stride, Ints padding = {0, 0}) {
  return call<op::avg_pool2d>(x, kernel, stride, padding);
}
SSP_IF_USED inline Tensor adaptive_avg_pool2d(const Tensor& x, Ints output) {
  return call<op::adaptive_avg_pool2d>(x, output);
}
SSP_IF_USED inline Tensor layer_norm(const Tensor& x, Ints shape, const Tensor& weight, const Tensor& bias,
                                     double eps) {
  return call<op::layer_norm>(x, shape, weight, bias, eps);
}
SSP_IF_USED inline Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& weight, const Tensor& bias,
                                     double eps) {
  return call<op::group_norm>(x, groups, weight, bias, eps);
}
SSP_IF_USED inline Tensor weight_norm(const Tensor& v, const Tensor& g, int64_t dim = 0) {
  return call<op::weight_norm>(v, g, dim);
}
// approximate: "none" is exact (erf), or "tanh".
SSP_IF_USED inline Tensor gelu(const Tensor& x, const char* approximate = "none") {
  return call<op::gelu>(x, approximate);
}
SSP_IF_USED inline Tensor leaky_relu(const Tensor& x, double slope = 0.01) { return call<op::leaky_relu>(x, slope); }
SSP_IF_USED inline Tensor softplus(const Tensor& x) { return call<op::softplus>(x); }
SSP_IF_USED inline Tensor softmax(const Tensor& x, int64_t dim) { return call<op::softmax>(x, dim); }
SSP_IF_USED inline Tensor log_softmax(const Tensor& x, int64_t dim) { return call<op::log_softmax>(x, dim); }
// [B, heads, L, head_dim]; mask: added to the logits, or boolean with true = attend.
SSP_IF_USED inline Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                                       const Tensor& mask = {}) {
  return call<op::attention>(q, k, v, mask);
}

SSP_IF_USED inline Tensor cross_entropy(const Tensor& logits, const Tensor& target, const Tensor& weight = {},
                                        Reduction reduction = Reduction::mean, double label_smoothing = 0) {
  return call<op::cross_entropy_loss>(logits, target, weight, static_cast<int64_t>(reduction), -100, label_smoothing);
}
SSP_IF_USED inline Tensor mse_loss(const Tensor& x, const Tensor& target, Reduction reduction = Reduction::mean) {
  return call<op::mse_loss>(x, target, static_cast<int64_t>(reduction));
}
SSP_IF_USED inline Tensor l1_loss(const Tensor& x, const Tensor& target, Reduction reduction = Reduction::mean) {
  return call<op::l1_loss>(x, target, static_cast<int64_t>(reduction));
}
SSP_IF_USED inline Tensor smooth_l1_loss(const Tensor& x, const Tensor& target, Reduction reduction = Reduction::mean,
                                         double beta = 1) {
  return call<op::smooth_l1_loss>(x, target, static_cast<int64_t>(reduction), beta);
}
SSP_IF_USED inline Tensor kl_div(const Tensor& log_x, const Tensor& target, Reduction reduction = Reduction::mean,
                                 bool log_target = false) {
  return call<op::kl_div>(log_x, target, static_cast<int64_t>(reduction), log_target);
}
SSP_IF_USED inline Tensor binary_cross_entropy_with_logits(const Tensor& x, const Tensor& target,
                                                           Reduction reduction = Reduction::mean) {
  return call<op::bce_logits>(x, target, std::nullopt, std::nullopt, static_cast<int64_t>(reduction));
}
SSP_IF_USED inline Tensor cosine_similarity(const Tensor& a, const Tensor& b, int64_t dim = 1, double eps = 1e-8) {
  return call<op::cosine_similarity>(a, b, dim, eps);
}

SSP_IF_USED inline Tensor upsample_nearest2d(const Tensor& x, Ints size) {
  return call<op::upsample_nearest2d>(x, size);
}
SSP_IF_USED inline Tensor upsample_bilinear2d(const Tensor& x, Ints size, bool align_corners = false) {
  return call<op::upsample_bilinear2d>(x, size, align_corners);
}
SSP_IF_USED inline Tensor upsample_bicubic2d(const Tensor& x, Ints size, bool align_corners = false) {
  return call<op::upsample_bicubic2d>(x, size, align_corners);
}
// [N, C, H, W] -> [N, C * kh * kw, L], torch.nn.functional.unfold.
SSP_IF_USED inline Tensor im2col(const Tensor& x, Ints kernel, Ints stride, Ints padding = {0, 0},
                                 Ints dilation = {1, 1}) {
  return call<op::im2col>(x, kernel, dilation, padding, stride);
}
SSP_IF_USED inline Tensor pixel_shuffle(const Tensor& x, int64_t factor) { return call<op::pixel_shuffle>(x, factor); }

}  // namespace v0
}  // namespace ssp
