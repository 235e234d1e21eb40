// SPDX-License-Identifier: Apache-2.0
// Changes in place. Legal on parameters and buffers without gradients (NoGrad); on a tensor that a loss has saved, not
// before backward.
#pragma once
#include "ssp/cpp/ops_math.hpp"

namespace ssp {
inline namespace v0 {

namespace aten {
SSP_OP(copy_, "copy_", "", "self,src");
SSP_OP(fill_, "fill_", "Scalar", "self,value");
SSP_OP(zero_, "zero_", "", "self");
SSP_OP(add_tensor_, "add_", "Tensor", "self,other,alpha");
SSP_OP(add_scalar_, "add_", "Scalar", "self,other");
SSP_OP(sub_tensor_, "sub_", "Tensor", "self,other,alpha");
SSP_OP(sub_scalar_, "sub_", "Scalar", "self,other");
SSP_OP(div_tensor_, "div_", "Tensor", "self,other");
SSP_OP(div_scalar_, "div_", "Scalar", "self,other");
SSP_OP(mul_tensor_, "mul_", "Tensor", "self,other");
SSP_OP(mul_scalar_, "mul_", "Scalar", "self,other");
SSP_OP(lerp_, "lerp_", "Scalar", "self,end,weight");
SSP_OP(lerp_tensor_, "lerp_", "Tensor", "self,end,weight");
SSP_OP(remainder_, "remainder_", "Scalar", "self,other");
SSP_OP(clamp_, "clamp_", "", "self,min,max");
SSP_OP(normal_, "normal_", "", "self,mean,std,generator");
SSP_OP(uniform_, "uniform_", "", "self,from,to,generator");
SSP_OP(exponential_, "exponential_", "", "self,lambd,generator");
SSP_OP(masked_fill_, "masked_fill_", "Scalar", "self,mask,value");
SSP_OP(index_copy_, "index_copy_", "", "self,dim,index,source");
SSP_OP(index_add_, "index_add_", "", "self,dim,index,source");
SSP_OP(index_fill_, "index_fill_", "int_Scalar", "self,dim,index,value");
SSP_OP(index_put_, "index_put_", "", "self,indices,values,accumulate");
SSP_OP(scatter_, "scatter_", "src", "self,dim,index,src");
SSP_OP(scatter_value_, "scatter_", "value", "self,dim,index,value");
SSP_OP(scatter_add_, "scatter_add_", "", "self,dim,index,src");
SSP_OPTIONAL_OP(foreach_copy_, "_foreach_copy_", "", "self,src");
SSP_OPTIONAL_OP(foreach_lerp_, "_foreach_lerp_", "Scalar", "self,tensors1,weight");
SSP_OPTIONAL_OP(foreach_mul_, "_foreach_mul_", "Scalar", "self,scalar");
}  // namespace aten

SSP_IF_USED inline void remainder_(const Tensor& self, Scalar other) { call_void<aten::remainder_>(self, other); }
SSP_IF_USED inline void clamp_(const Tensor& self, std::optional<Scalar> low, std::optional<Scalar> high) {
  call_void<aten::clamp_>(self, low, high);
}
SSP_IF_USED inline void normal_(const Tensor& self, double mean, double std, const Generator& generator) {
  call_void<aten::normal_>(self, mean, std, generator);
}
SSP_IF_USED inline void uniform_(const Tensor& self, double from, double to, const Generator& generator) {
  call_void<aten::uniform_>(self, from, to, generator);
}
SSP_IF_USED inline void exponential_(const Tensor& self, double lambda, const Generator& generator) {
  call_void<aten::exponential_>(self, lambda, generator);
}
SSP_IF_USED inline void masked_fill_(const Tensor& self, const Tensor& mask, Scalar value) {
  call_void<aten::masked_fill_>(self, mask, value);
}

// Rows of a queue or bank.
SSP_IF_USED inline void index_copy_(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source) {
  call_void<aten::index_copy_>(self, dim, index, source);
}
SSP_IF_USED inline void index_add_(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source) {
  call_void<aten::index_add_>(self, dim, index, source);
}
SSP_IF_USED inline void index_fill_(const Tensor& self, int64_t dim, const Tensor& index, Scalar value) {
  call_void<aten::index_fill_>(self, dim, index, value);
}
SSP_IF_USED inline void index_put_(const Tensor& self, const TensorList& indices, const Tensor& values,
                                   bool accumulate = false) {
  call_void<aten::index_put_>(self, indices, values, accumulate);
}
SSP_IF_USED inline void scatter_(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src) {
  call_void<aten::scatter_>(self, dim, index, src);
}
SSP_IF_USED inline void scatter_(const Tensor& self, int64_t dim, const Tensor& index, Scalar value) {
  call_void<aten::scatter_value_>(self, dim, index, value);
}
SSP_IF_USED inline void scatter_add_(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src) {
  call_void<aten::scatter_add_>(self, dim, index, src);
}

// Lists of equal length, empty ones too, which ATen's do not take: one operator for all of them where the host offers
// it, else one each.
SSP_IF_USED inline void foreach_copy_(const std::vector<Tensor>& self, const std::vector<Tensor>& src) {
  if (is_offered<aten::foreach_copy_>() && !self.empty())
    return call_void<aten::foreach_copy_>(TensorList(self), TensorList(src));
  for (size_t i = 0; i < self.size(); ++i) self[i].copy_(src.at(i));
}
SSP_IF_USED inline void foreach_lerp_(const std::vector<Tensor>& self, const std::vector<Tensor>& end, double weight) {
  if (is_offered<aten::foreach_lerp_>() && !self.empty())
    return call_void<aten::foreach_lerp_>(TensorList(self), TensorList(end), weight);
  for (size_t i = 0; i < self.size(); ++i) self[i].lerp_(end.at(i), weight);
}
SSP_IF_USED inline void foreach_mul_(const std::vector<Tensor>& self, Scalar factor) {
  if (is_offered<aten::foreach_mul_>() && !self.empty()) return call_void<aten::foreach_mul_>(TensorList(self), factor);
  for (const Tensor& t : self) t.mul_(factor);
}

template <class>
const Tensor& Tensor::copy_(const Tensor& source) const {
  call_void<aten::copy_>(*this, source);
  return *this;
}
template <class>
const Tensor& Tensor::fill_(Scalar value) const {
  call_void<aten::fill_>(*this, value);
  return *this;
}
template <class>
const Tensor& Tensor::zero_() const {
  call_void<aten::zero_>(*this);
  return *this;
}
template <class>
const Tensor& Tensor::add_(const Tensor& other, Scalar alpha) const {
  call_void<aten::add_tensor_>(*this, other, alpha);
  return *this;
}
template <class>
const Tensor& Tensor::mul_(const Tensor& other) const {
  call_void<aten::mul_tensor_>(*this, other);
  return *this;
}
template <class>
const Tensor& Tensor::mul_(Scalar other) const {
  call_void<aten::mul_scalar_>(*this, other);
  return *this;
}
template <class>
const Tensor& Tensor::sub_(const Tensor& other, Scalar alpha) const {
  call_void<aten::sub_tensor_>(*this, other, alpha);
  return *this;
}
template <class>
const Tensor& Tensor::sub_(Scalar other) const {
  call_void<aten::sub_scalar_>(*this, other);
  return *this;
}
template <class>
const Tensor& Tensor::div_(const Tensor& other) const {
  call_void<aten::div_tensor_>(*this, other);
  return *this;
}
template <class>
const Tensor& Tensor::div_(Scalar other) const {
  call_void<aten::div_scalar_>(*this, other);
  return *this;
}
template <class>
const Tensor& Tensor::lerp_(const Tensor& end, const Tensor& weight) const {
  call_void<aten::lerp_tensor_>(*this, end, weight);
  return *this;
}
template <class>
const Tensor& Tensor::lerp_(const Tensor& end, double weight) const {
  call_void<aten::lerp_>(*this, end, weight);
  return *this;
}
template <class>
const Tensor& Tensor::add_(Scalar other) const {
  call_void<aten::add_scalar_>(*this, other);
  return *this;
}

}  // namespace v0
}  // namespace ssp
