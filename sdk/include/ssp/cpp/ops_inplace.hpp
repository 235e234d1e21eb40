// SPDX-License-Identifier: Apache-2.0
// Changes in place. Legal on parameters and buffers without gradients (NoGrad); on a tensor that a loss has saved, not
// before backward.
#pragma once
#include "ssp/cpp/ops_math.hpp"

namespace ssp {
inline namespace v0 {

namespace op {
SSP_OP(copy_, "copy_", "", "self,src");
SSP_OP(fill_, "fill_", "Scalar", "self,value");
SSP_OP(zero_, "zero_", "", "self");
SSP_OP(add_tensor_, "add_", "Tensor", "self,other,alpha");
SSP_OP(add_scalar_, "add_", "Scalar", "self,other");
SSP_OP(mul_tensor_, "mul_", "Tensor", "self,other");
SSP_OP(mul_scalar_, "mul_", "Scalar", "self,other");
SSP_OP(lerp_, "lerp_", "Scalar", "self,end,weight");
SSP_OP(remainder_, "remainder_", "Scalar", "self,other");
SSP_OP(clamp_, "clamp_", "", "self,min,max");
SSP_OP(normal_, "normal_", "", "self,mean,std,generator");
SSP_OP(uniform_, "uniform_", "", "self,from,to,generator");
SSP_OP(foreach_copy_, "_foreach_copy_", "", "self,src");
SSP_OP(foreach_lerp_, "_foreach_lerp_", "Scalar", "self,tensors1,weight");
SSP_OP(foreach_mul_, "_foreach_mul_", "Scalar", "self,scalar");
}  // namespace op

SSP_IF_USED inline void remainder_(const Tensor& self, Scalar other) { call_void<op::remainder_>(self, other); }
SSP_IF_USED inline void clamp_(const Tensor& self, std::optional<Scalar> low, std::optional<Scalar> high) {
  call_void<op::clamp_>(self, low, high);
}
SSP_IF_USED inline void normal_(const Tensor& self, double mean, double std, const Generator& generator) {
  call_void<op::normal_>(self, mean, std, generator);
}
SSP_IF_USED inline void uniform_(const Tensor& self, double from, double to, const Generator& generator) {
  call_void<op::uniform_>(self, from, to, generator);
}
// Lists of equal length, one call for all of them.
SSP_IF_USED inline void foreach_copy_(const TensorList& self, const TensorList& src) {
  call_void<op::foreach_copy_>(self, src);
}
SSP_IF_USED inline void foreach_lerp_(const TensorList& self, const TensorList& end, double weight) {
  call_void<op::foreach_lerp_>(self, end, weight);
}
SSP_IF_USED inline void foreach_mul_(const TensorList& self, Scalar factor) {
  call_void<op::foreach_mul_>(self, factor);
}

template <class>
const Tensor& Tensor::copy_(const Tensor& source) const {
  call_void<op::copy_>(*this, source);
  return *this;
}
template <class>
const Tensor& Tensor::fill_(Scalar value) const {
  call_void<op::fill_>(*this, value);
  return *this;
}
template <class>
const Tensor& Tensor::zero_() const {
  call_void<op::zero_>(*this);
  return *this;
}
template <class>
const Tensor& Tensor::add_(const Tensor& other, Scalar alpha) const {
  call_void<op::add_tensor_>(*this, other, alpha);
  return *this;
}
template <class>
const Tensor& Tensor::mul_(const Tensor& other) const {
  call_void<op::mul_tensor_>(*this, other);
  return *this;
}
template <class>
const Tensor& Tensor::mul_(Scalar other) const {
  call_void<op::mul_scalar_>(*this, other);
  return *this;
}
template <class>
const Tensor& Tensor::lerp_(const Tensor& end, double weight) const {
  call_void<op::lerp_>(*this, end, weight);
  return *this;
}
template <class>
const Tensor& Tensor::add_(Scalar other) const {
  call_void<op::add_scalar_>(*this, other);
  return *this;
}

}  // namespace v0
}  // namespace ssp
