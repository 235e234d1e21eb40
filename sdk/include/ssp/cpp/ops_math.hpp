// SPDX-License-Identifier: Apache-2.0
// Pointwise operators, and + - * / == != < <= > >= on tensors and numbers.
#pragma once
#include "ssp/cpp/op.hpp"

namespace ssp {
inline namespace v0 {

#define SSP_UNARY(name)            \
  namespace aten {                 \
  SSP_OP(name, #name, "", "self"); \
  }                                \
  SSP_IF_USED inline Tensor name(const Tensor& self) { return call<aten::name>(self); }
SSP_UNARY(abs)
SSP_UNARY(neg)
SSP_UNARY(exp)
SSP_UNARY(exp2)
SSP_UNARY(expm1)
SSP_UNARY(log)
SSP_UNARY(log2)
SSP_UNARY(log10)
SSP_UNARY(log1p)
SSP_UNARY(sqrt)
SSP_UNARY(rsqrt)
SSP_UNARY(square)
SSP_UNARY(reciprocal)
SSP_UNARY(sin)
SSP_UNARY(cos)
SSP_UNARY(tan)
SSP_UNARY(asin)
SSP_UNARY(acos)
SSP_UNARY(atan)
SSP_UNARY(sinh)
SSP_UNARY(cosh)
SSP_UNARY(tanh)
SSP_UNARY(sigmoid)
SSP_UNARY(erf)
SSP_UNARY(erfinv)
SSP_UNARY(floor)
SSP_UNARY(ceil)
SSP_UNARY(round)
SSP_UNARY(trunc)
SSP_UNARY(frac)
SSP_UNARY(sign)
SSP_UNARY(relu)
SSP_UNARY(silu)
SSP_UNARY(log_sigmoid)
SSP_UNARY(isnan)
SSP_UNARY(isinf)
SSP_UNARY(isfinite)
SSP_UNARY(logical_not)
#undef SSP_UNARY

#define SSP_BINARY(name)                 \
  namespace aten {                       \
  SSP_OP(name, #name, "", "self,other"); \
  }                                      \
  SSP_IF_USED inline Tensor name(const Tensor& self, const Tensor& other) { return call<aten::name>(self, other); }
SSP_BINARY(maximum)
SSP_BINARY(minimum)
SSP_BINARY(atan2)
SSP_BINARY(logaddexp)
SSP_BINARY(logical_and)
SSP_BINARY(logical_or)
#undef SSP_BINARY

// a + b, a + 2, 2 + a; comparisons alike.
#define SSP_OPERATOR(symbol, name)                                              \
  namespace aten {                                                              \
  SSP_OP(name##_tensor, #name, "Tensor", "self,other");                         \
  SSP_OP(name##_scalar, #name, "Scalar", "self,other");                         \
  }                                                                             \
  SSP_IF_USED inline Tensor operator symbol(const Tensor& a, const Tensor& b) { \
    return call<aten::name##_tensor>(a, b);                                     \
  }                                                                             \
  SSP_IF_USED inline Tensor operator symbol(const Tensor& a, Scalar b) { return call<aten::name##_scalar>(a, b); }
SSP_OPERATOR(+, add)
SSP_OPERATOR(-, sub)
SSP_OPERATOR(*, mul)
SSP_OPERATOR(/, div)
SSP_OPERATOR(==, eq)
SSP_OPERATOR(!=, ne)
SSP_OPERATOR(<, lt)
SSP_OPERATOR(<=, le)
SSP_OPERATOR(>, gt)
SSP_OPERATOR(>=, ge)
#undef SSP_OPERATOR
namespace aten {
SSP_OP(rsub, "rsub", "Scalar", "self,other");
SSP_OP(remainder, "remainder", "Scalar", "self,other");
SSP_OP(remainder_tensor, "remainder", "Tensor", "self,other");
SSP_OP(div_mode, "div", "Tensor_mode", "self,other,rounding_mode");
SSP_OP(div_mode_scalar, "div", "Scalar_mode", "self,other,rounding_mode");
SSP_OP(clamp, "clamp", "", "self,min,max");
SSP_OP(pow_scalar, "pow", "Tensor_Scalar", "self,exponent");
SSP_OP(pow_tensor, "pow", "Tensor_Tensor", "self,exponent");
SSP_OP(lerp, "lerp", "Scalar", "self,end,weight");
SSP_OP(lerp_tensor, "lerp", "Tensor", "self,end,weight");
SSP_OP(where, "where", "self", "condition,self,other");
SSP_OP(where_other, "where", "ScalarOther", "condition,self,other");
SSP_OP(where_self, "where", "ScalarSelf", "condition,self,other");
SSP_OP(masked_fill, "masked_fill", "Scalar", "self,mask,value");
SSP_OP(logit, "logit", "", "self,eps");
SSP_OP(nan_to_num, "nan_to_num", "", "self");
}  // namespace aten
SSP_IF_USED inline Tensor operator+(Scalar a, const Tensor& b) { return b + a; }
SSP_IF_USED inline Tensor operator*(Scalar a, const Tensor& b) { return b * a; }
SSP_IF_USED inline Tensor operator-(Scalar a, const Tensor& b) { return call<aten::rsub>(b, a); }
SSP_IF_USED inline Tensor operator/(Scalar a, const Tensor& b) { return reciprocal(b) * a; }
SSP_IF_USED inline Tensor operator-(const Tensor& a) { return neg(a); }
SSP_IF_USED inline Tensor remainder(const Tensor& self, Scalar other) { return call<aten::remainder>(self, other); }
SSP_IF_USED inline Tensor remainder(const Tensor& self, const Tensor& other) {
  return call<aten::remainder_tensor>(self, other);
}
SSP_IF_USED inline Tensor floor_divide(const Tensor& self, const Tensor& other) {
  return call<aten::div_mode>(self, other, "floor");
}
SSP_IF_USED inline Tensor floor_divide(const Tensor& self, Scalar other) {
  return call<aten::div_mode_scalar>(self, other, "floor");
}
SSP_IF_USED inline Tensor clamp(const Tensor& self, std::optional<Scalar> low, std::optional<Scalar> high = {}) {
  return call<aten::clamp>(self, low, high);
}
SSP_IF_USED inline Tensor pow(const Tensor& self, Scalar exponent) { return call<aten::pow_scalar>(self, exponent); }
SSP_IF_USED inline Tensor pow(const Tensor& self, const Tensor& exponent) {
  return call<aten::pow_tensor>(self, exponent);
}
SSP_IF_USED inline Tensor lerp(const Tensor& self, const Tensor& end, double weight) {
  return call<aten::lerp>(self, end, weight);
}
SSP_IF_USED inline Tensor lerp(const Tensor& self, const Tensor& end, const Tensor& weight) {
  return call<aten::lerp_tensor>(self, end, weight);
}
SSP_IF_USED inline Tensor where(const Tensor& condition, const Tensor& self, const Tensor& other) {
  return call<aten::where>(condition, self, other);
}
SSP_IF_USED inline Tensor where(const Tensor& condition, const Tensor& self, Scalar other) {
  return call<aten::where_other>(condition, self, other);
}
SSP_IF_USED inline Tensor where(const Tensor& condition, Scalar self, const Tensor& other) {
  return call<aten::where_self>(condition, self, other);
}
SSP_IF_USED inline Tensor masked_fill(const Tensor& self, const Tensor& mask, Scalar value) {
  return call<aten::masked_fill>(self, mask, value);
}
// eps: self is clamped to eps … 1 - eps; none: as it is.
SSP_IF_USED inline Tensor logit(const Tensor& self, std::optional<double> eps = {}) {
  return call<aten::logit>(self, eps);
}
SSP_IF_USED inline Tensor nan_to_num(const Tensor& self) { return call<aten::nan_to_num>(self); }

template <class>
Tensor Tensor::sqrt() const {
  return ssp::sqrt(*this);
}
template <class>
Tensor Tensor::abs() const {
  return ssp::abs(*this);
}
template <class>
Tensor Tensor::exp() const {
  return ssp::exp(*this);
}
template <class>
Tensor Tensor::log() const {
  return ssp::log(*this);
}
template <class>
Tensor Tensor::neg() const {
  return ssp::neg(*this);
}
template <class>
Tensor Tensor::relu() const {
  return ssp::relu(*this);
}
template <class>
Tensor Tensor::sigmoid() const {
  return ssp::sigmoid(*this);
}
template <class>
Tensor Tensor::tanh() const {
  return ssp::tanh(*this);
}
template <class>
Tensor Tensor::pow(Scalar exponent) const {
  return ssp::pow(*this, exponent);
}
template <class>
Tensor Tensor::clamp(std::optional<Scalar> low, std::optional<Scalar> high) const {
  return ssp::clamp(*this, low, high);
}

}  // namespace v0
}  // namespace ssp
