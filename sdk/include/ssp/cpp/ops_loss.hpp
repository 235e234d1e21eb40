// SPDX-License-Identifier: Apache-2.0
// Losses as functions.
#pragma once
#include "ssp/cpp/op.hpp"

namespace ssp {
inline namespace v0 {

enum class Reduction : int64_t { none = 0, mean = 1, sum = 2 };

namespace aten {
SSP_OP(cross_entropy_loss, "cross_entropy_loss", "", "self,target,weight,reduction,ignore_index,label_smoothing");
SSP_OP(nll_loss, "nll_loss_nd", "", "self,target,weight,reduction,ignore_index");
SSP_OP(mse_loss, "mse_loss", "", "self,target,reduction");
SSP_OP(l1_loss, "l1_loss", "", "self,target,reduction");
SSP_OP(smooth_l1_loss, "smooth_l1_loss", "", "self,target,reduction,beta");
SSP_OP(huber_loss, "huber_loss", "", "self,target,reduction,delta");
SSP_OP(kl_div, "kl_div", "", "self,target,reduction,log_target");
SSP_OP(bce_logits, "binary_cross_entropy_with_logits", "", "self,target,weight,pos_weight,reduction");
SSP_OP(cosine_similarity, "cosine_similarity", "", "x1,x2,dim,eps");
SSP_OP(triplet_margin_loss, "triplet_margin_loss", "", "anchor,positive,negative,margin,p,eps,swap,reduction");
}  // namespace aten

SSP_IF_USED inline Tensor cross_entropy(const Tensor& logits, const Tensor& target, const Tensor& weight = {},
                                        Reduction reduction = Reduction::mean, double label_smoothing = 0) {
  return call<aten::cross_entropy_loss>(logits, target, weight, static_cast<int64_t>(reduction), -100, label_smoothing);
}
// Of log-probabilities.
SSP_IF_USED inline Tensor nll_loss(const Tensor& log_probabilities, const Tensor& target,
                                   Reduction reduction = Reduction::mean) {
  return call<aten::nll_loss>(log_probabilities, target, std::nullopt, static_cast<int64_t>(reduction), -100);
}
SSP_IF_USED inline Tensor mse_loss(const Tensor& x, const Tensor& target, Reduction reduction = Reduction::mean) {
  return call<aten::mse_loss>(x, target, static_cast<int64_t>(reduction));
}
SSP_IF_USED inline Tensor l1_loss(const Tensor& x, const Tensor& target, Reduction reduction = Reduction::mean) {
  return call<aten::l1_loss>(x, target, static_cast<int64_t>(reduction));
}
SSP_IF_USED inline Tensor smooth_l1_loss(const Tensor& x, const Tensor& target, Reduction reduction = Reduction::mean,
                                         double beta = 1) {
  return call<aten::smooth_l1_loss>(x, target, static_cast<int64_t>(reduction), beta);
}
SSP_IF_USED inline Tensor huber_loss(const Tensor& x, const Tensor& target, Reduction reduction = Reduction::mean,
                                     double delta = 1) {
  return call<aten::huber_loss>(x, target, static_cast<int64_t>(reduction), delta);
}
SSP_IF_USED inline Tensor triplet_margin_loss(const Tensor& anchor, const Tensor& positive, const Tensor& negative,
                                              double margin = 1, Reduction reduction = Reduction::mean) {
  return call<aten::triplet_margin_loss>(anchor, positive, negative, margin, 2.0, 1e-6, false,
                                         static_cast<int64_t>(reduction));
}
SSP_IF_USED inline Tensor kl_div(const Tensor& log_x, const Tensor& target, Reduction reduction = Reduction::mean,
                                 bool log_target = false) {
  return call<aten::kl_div>(log_x, target, static_cast<int64_t>(reduction), log_target);
}
SSP_IF_USED inline Tensor binary_cross_entropy_with_logits(const Tensor& x, const Tensor& target,
                                                           Reduction reduction = Reduction::mean) {
  return call<aten::bce_logits>(x, target, std::nullopt, std::nullopt, static_cast<int64_t>(reduction));
}
SSP_IF_USED inline Tensor cosine_similarity(const Tensor& a, const Tensor& b, int64_t dim = 1, double eps = 1e-8) {
  return call<aten::cosine_similarity>(a, b, dim, eps);
}

}  // namespace v0
}  // namespace ssp
