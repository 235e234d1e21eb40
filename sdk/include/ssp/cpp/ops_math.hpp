// SPDX-License-Identifier: Apache-2.0
// Pointwise operators, reductions and products of matrices.
#pragma once
#include "ssp/cpp/op.hpp"

namespace ssp {
inline namespace v0 {

#define SSP_UNARY(name)            \
  namespace op {                   \
  SSP_OP(name, #name, "", "self"); \
  }                                \
  SSP_IF_USED inline Tensor name(const Tensor& self) { return call<op::name>(self); }
SSP_UNARY(abs)
SSP_UNARY(neg)
SSP_UNARY(exp)
SSP_UNARY(expm1)
SSP_UNARY(log)
SSP_UNARY(log1p)
SSP_UNARY(log2)
SSP_UNARY(sqrt)
SSP_UNARY(rsqrt)
SSP_UNARY(square)
SSP_UNARY(reciprocal)
SSP_UNARY(sin)
SSP_UNARY(cos)
SSP_UNARY(tanh)
SSP_UNARY(sigmoid)
SSP_UNARY(erf)
SSP_UNARY(floor)
SSP_UNARY(ceil)
SSP_UNARY(round)
SSP_UNARY(sign)
SSP_UNARY(relu)
SSP_UNARY(silu)
SSP_UNARY(log_sigmoid)
SSP_UNARY(isnan)
SSP_UNARY(isfinite)
SSP_UNARY(logical_not)
SSP_UNARY(sum)
SSP_UNARY(mean)
SSP_UNARY(max)
SSP_UNARY(min)
SSP_UNARY(all)
SSP_UNARY(any)
SSP_UNARY(trace)
#undef SSP_UNARY

#define SSP_BINARY(name)                 \
  namespace op {                         \
  SSP_OP(name, #name, "", "self,other"); \
  }                                      \
  SSP_IF_USED inline Tensor name(const Tensor& self, const Tensor& other) { return call<op::name>(self, other); }
SSP_BINARY(maximum)
SSP_BINARY(minimum)
SSP_BINARY(atan2)
SSP_BINARY(logical_and)
SSP_BINARY(logical_or)
SSP_BINARY(matmul)
#undef SSP_BINARY

namespace op {
SSP_OP(mm, "mm", "", "self,mat2");
SSP_OP(bmm, "bmm", "", "self,mat2");
SSP_OP(outer, "outer", "", "self,vec2");
}  // namespace op
SSP_IF_USED inline Tensor mm(const Tensor& self, const Tensor& mat2) { return call<op::mm>(self, mat2); }
SSP_IF_USED inline Tensor bmm(const Tensor& self, const Tensor& mat2) { return call<op::bmm>(self, mat2); }
SSP_IF_USED inline Tensor outer(const Tensor& self, const Tensor& vec2) { return call<op::outer>(self, vec2); }

// a + b, a + 2, 2 + a; comparisons alike.
#define SSP_OPERATOR(symbol, name)                                              \
  namespace op {                                                                \
  SSP_OP(name##_tensor, #name, "Tensor", "self,other");                         \
  SSP_OP(name##_scalar, #name, "Scalar", "self,other");                         \
  }                                                                             \
  SSP_IF_USED inline Tensor operator symbol(const Tensor& a, const Tensor& b) { \
    return call<op::name##_tensor>(a, b);                                       \
  }                                                                             \
  SSP_IF_USED inline Tensor operator symbol(const Tensor& a, Scalar b) { return call<op::name##_scalar>(a, b); }
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
namespace op {
SSP_OP(rsub, "rsub", "Scalar", "self,other");
SSP_OP(remainder, "remainder", "Scalar", "self,other");
SSP_OP(remainder_tensor, "remainder", "Tensor", "self,other");
SSP_OP(floor_divide, "div", "Scalar_mode", "self,other,rounding_mode");
SSP_OP(clamp, "clamp", "", "self,min,max");
SSP_OP(pow_scalar, "pow", "Tensor_Scalar", "self,exponent");
SSP_OP(pow_tensor, "pow", "Tensor_Tensor", "self,exponent");
SSP_OP(lerp, "lerp", "Scalar", "self,end,weight");
SSP_OP(where, "where", "self", "condition,self,other");
SSP_OP(masked_fill, "masked_fill", "Scalar", "self,mask,value");
SSP_OP(nan_to_num, "nan_to_num", "", "self");
}  // namespace op
SSP_IF_USED inline Tensor operator+(Scalar a, const Tensor& b) { return b + a; }
SSP_IF_USED inline Tensor operator*(Scalar a, const Tensor& b) { return b * a; }
SSP_IF_USED inline Tensor operator-(Scalar a, const Tensor& b) { return call<op::rsub>(b, a); }
SSP_IF_USED inline Tensor operator/(Scalar a, const Tensor& b) { return reciprocal(b) * a; }
SSP_IF_USED inline Tensor operator-(const Tensor& a) { return neg(a); }
SSP_IF_USED inline Tensor remainder(const Tensor& self, Scalar other) { return call<op::remainder>(self, other); }
SSP_IF_USED inline Tensor remainder(const Tensor& self, const Tensor& other) {
  return call<op::remainder_tensor>(self, other);
}
SSP_IF_USED inline Tensor floor_divide(const Tensor& self, Scalar other) {
  return call<op::floor_divide>(self, other, "floor");
}
SSP_IF_USED inline Tensor clamp(const Tensor& self, std::optional<Scalar> low, std::optional<Scalar> high = {}) {
  return call<op::clamp>(self, low, high);
}
SSP_IF_USED inline Tensor pow(const Tensor& self, Scalar exponent) { return call<op::pow_scalar>(self, exponent); }
SSP_IF_USED inline Tensor pow(const Tensor& self, const Tensor& exponent) {
  return call<op::pow_tensor>(self, exponent);
}
SSP_IF_USED inline Tensor lerp(const Tensor& self, const Tensor& end, double weight) {
  return call<op::lerp>(self, end, weight);
}
SSP_IF_USED inline Tensor where(const Tensor& condition, const Tensor& self, const Tensor& other) {
  return call<op::where>(condition, self, other);
}
SSP_IF_USED inline Tensor masked_fill(const Tensor& self, const Tensor& mask, Scalar value) {
  return call<op::masked_fill>(self, mask, value);
}
SSP_IF_USED inline Tensor nan_to_num(const Tensor& self) { return call<op::nan_to_num>(self); }

namespace op {
SSP_OP(sum_dim, "sum", "dim_IntList", "self,dim,keepdim");
SSP_OP(mean_dim, "mean", "dim", "self,dim,keepdim");
SSP_OP(var, "var", "correction", "self,dim,correction,keepdim");
SSP_OP(stddev, "std", "correction", "self,dim,correction,keepdim");
SSP_OP(var_mean, "var_mean", "correction", "self,dim,correction,keepdim");
SSP_OP(amax, "amax", "", "self,dim,keepdim");
SSP_OP(amin, "amin", "", "self,dim,keepdim");
SSP_OP(argmax, "argmax", "", "self,dim,keepdim");
SSP_OP(argmin, "argmin", "", "self,dim,keepdim");
SSP_OP(logsumexp, "logsumexp", "", "self,dim,keepdim");
SSP_OP(cumsum, "cumsum", "", "self,dim");
SSP_OP(vector_norm, "linalg_vector_norm", "", "self,ord,dim,keepdim");
SSP_OP(cdist, "cdist", "", "x1,x2,p");
SSP_OP(einsum, "einsum", "", "equation,tensors");
SSP_OP(diagonal, "diagonal", "", "self,offset,dim1,dim2");
SSP_OP(tril, "tril", "", "self,diagonal");
SSP_OP(triu, "triu", "", "self,diagonal");
}  // namespace op
SSP_IF_USED inline Tensor sum(const Tensor& self, Ints dims, bool keepdim = false) {
  return call<op::sum_dim>(self, dims, keepdim);
}
SSP_IF_USED inline Tensor mean(const Tensor& self, Ints dims, bool keepdim = false) {
  return call<op::mean_dim>(self, dims, keepdim);
}
// correction 1: unbiased.
SSP_IF_USED inline Tensor var(const Tensor& self, Ints dims, int64_t correction = 1, bool keepdim = false) {
  return call<op::var>(self, dims, correction, keepdim);
}
SSP_IF_USED inline Tensor stddev(const Tensor& self, Ints dims, int64_t correction = 1, bool keepdim = false) {
  return call<op::stddev>(self, dims, correction, keepdim);
}
SSP_IF_USED inline std::array<Tensor, 2> var_mean(const Tensor& self, Ints dims, int64_t correction = 1,
                                                  bool keepdim = false) {
  return call_n<op::var_mean, 2>(self, dims, correction, keepdim);
}
SSP_IF_USED inline Tensor amax(const Tensor& self, Ints dims, bool keepdim = false) {
  return call<op::amax>(self, dims, keepdim);
}
SSP_IF_USED inline Tensor amin(const Tensor& self, Ints dims, bool keepdim = false) {
  return call<op::amin>(self, dims, keepdim);
}
SSP_IF_USED inline Tensor argmax(const Tensor& self, int64_t dim, bool keepdim = false) {
  return call<op::argmax>(self, dim, keepdim);
}
SSP_IF_USED inline Tensor argmin(const Tensor& self, int64_t dim, bool keepdim = false) {
  return call<op::argmin>(self, dim, keepdim);
}
SSP_IF_USED inline Tensor logsumexp(const Tensor& self, Ints dims, bool keepdim = false) {
  return call<op::logsumexp>(self, dims, keepdim);
}
SSP_IF_USED inline Tensor cumsum(const Tensor& self, int64_t dim) { return call<op::cumsum>(self, dim); }
SSP_IF_USED inline Tensor vector_norm(const Tensor& self, double ord, Ints dims, bool keepdim = false) {
  return call<op::vector_norm>(self, ord, dims, keepdim);
}
SSP_IF_USED inline Tensor cdist(const Tensor& x1, const Tensor& x2, double p = 2) { return call<op::cdist>(x1, x2, p); }
SSP_IF_USED inline Tensor einsum(const char* equation, const TensorList& tensors) {
  return call<op::einsum>(equation, tensors);
}
SSP_IF_USED inline Tensor diagonal(const Tensor& self, int64_t offset = 0, int64_t dim1 = 0, int64_t dim2 = 1) {
  return call<op::diagonal>(self, offset, dim1, dim2);
}
SSP_IF_USED inline Tensor tril(const Tensor& self, int64_t diagonal = 0) { return call<op::tril>(self, diagonal); }
SSP_IF_USED inline Tensor triu(const Tensor& self, int64_t diagonal = 0) { return call<op::triu>(self, diagonal); }
// x / max(|x|, eps) along dim, as torch.nn.functional.normalize.
SSP_IF_USED inline Tensor normalize(const Tensor& self, int64_t dim = 1, double eps = 1e-12) {
  return self / clamp(vector_norm(self, 2, {dim}, true), eps);
}

template <class>
Tensor Tensor::sum() const {
  return ssp::sum(*this);
}
template <class>
Tensor Tensor::sum(Ints dims, bool keepdim) const {
  return ssp::sum(*this, dims, keepdim);
}
template <class>
Tensor Tensor::mean() const {
  return ssp::mean(*this);
}
template <class>
Tensor Tensor::mean(Ints dims, bool keepdim) const {
  return ssp::mean(*this, dims, keepdim);
}
template <class>
Tensor Tensor::pow(Scalar exponent) const {
  return ssp::pow(*this, exponent);
}
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

}  // namespace v0
}  // namespace ssp
