// SPDX-License-Identifier: Apache-2.0
// Reductions, running sums and norms.
#pragma once
#include "ssp/cpp/ops_math.hpp"

namespace ssp {
inline namespace v0 {

#define SSP_REDUCE_ALL(name)       \
  namespace aten {                 \
  SSP_OP(name, #name, "", "self"); \
  }                                \
  SSP_IF_USED inline Tensor name(const Tensor& self) { return call<aten::name>(self); }
SSP_REDUCE_ALL(sum)
SSP_REDUCE_ALL(mean)
SSP_REDUCE_ALL(prod)
SSP_REDUCE_ALL(max)
SSP_REDUCE_ALL(min)
SSP_REDUCE_ALL(all)
SSP_REDUCE_ALL(any)
#undef SSP_REDUCE_ALL

namespace aten {
SSP_OP(sum_dim, "sum", "dim_IntList", "self,dim,keepdim");
SSP_OP(mean_dim, "mean", "dim", "self,dim,keepdim");
SSP_OP(prod_dim, "prod", "dim_int", "self,dim,keepdim");
SSP_OP(var, "var", "correction", "self,dim,correction,keepdim");
SSP_OP(stddev, "std", "correction", "self,dim,correction,keepdim");
SSP_OP(var_mean, "var_mean", "correction", "self,dim,correction,keepdim");
SSP_OP(amax, "amax", "", "self,dim,keepdim");
SSP_OP(amin, "amin", "", "self,dim,keepdim");
SSP_OP(max_dim, "max", "dim", "self,dim,keepdim");
SSP_OP(min_dim, "min", "dim", "self,dim,keepdim");
SSP_OP(all_dim, "all", "dim", "self,dim,keepdim");
SSP_OP(any_dim, "any", "dim", "self,dim,keepdim");
SSP_OP(argmax, "argmax", "", "self,dim,keepdim");
SSP_OP(argmin, "argmin", "", "self,dim,keepdim");
SSP_OP(logsumexp, "logsumexp", "", "self,dim,keepdim");
SSP_OP(cumsum, "cumsum", "", "self,dim");
SSP_OP(quantile, "quantile", "scalar", "self,q,dim,keepdim");
SSP_OP(vector_norm, "linalg_vector_norm", "", "self,ord,dim,keepdim");
}  // namespace aten
SSP_IF_USED inline Tensor sum(const Tensor& self, Ints dims, bool keepdim = false) {
  return call<aten::sum_dim>(self, dims, keepdim);
}
SSP_IF_USED inline Tensor mean(const Tensor& self, Ints dims, bool keepdim = false) {
  return call<aten::mean_dim>(self, dims, keepdim);
}
SSP_IF_USED inline Tensor prod(const Tensor& self, int64_t dim, bool keepdim = false) {
  return call<aten::prod_dim>(self, dim, keepdim);
}
// correction 1: unbiased.
SSP_IF_USED inline Tensor var(const Tensor& self, Ints dims, int64_t correction = 1, bool keepdim = false) {
  return call<aten::var>(self, dims, correction, keepdim);
}
SSP_IF_USED inline Tensor stddev(const Tensor& self, Ints dims, int64_t correction = 1, bool keepdim = false) {
  return call<aten::stddev>(self, dims, correction, keepdim);
}
SSP_IF_USED inline std::array<Tensor, 2> var_mean(const Tensor& self, Ints dims, int64_t correction = 1,
                                                  bool keepdim = false) {
  return call_n<aten::var_mean, 2>(self, dims, correction, keepdim);
}
SSP_IF_USED inline Tensor amax(const Tensor& self, Ints dims, bool keepdim = false) {
  return call<aten::amax>(self, dims, keepdim);
}
SSP_IF_USED inline Tensor amin(const Tensor& self, Ints dims, bool keepdim = false) {
  return call<aten::amin>(self, dims, keepdim);
}
// Values and indices.
SSP_IF_USED inline std::array<Tensor, 2> max(const Tensor& self, int64_t dim, bool keepdim = false) {
  return call_n<aten::max_dim, 2>(self, dim, keepdim);
}
SSP_IF_USED inline std::array<Tensor, 2> min(const Tensor& self, int64_t dim, bool keepdim = false) {
  return call_n<aten::min_dim, 2>(self, dim, keepdim);
}
SSP_IF_USED inline Tensor all(const Tensor& self, int64_t dim, bool keepdim = false) {
  return call<aten::all_dim>(self, dim, keepdim);
}
SSP_IF_USED inline Tensor any(const Tensor& self, int64_t dim, bool keepdim = false) {
  return call<aten::any_dim>(self, dim, keepdim);
}
SSP_IF_USED inline Tensor argmax(const Tensor& self, int64_t dim, bool keepdim = false) {
  return call<aten::argmax>(self, dim, keepdim);
}
SSP_IF_USED inline Tensor argmin(const Tensor& self, int64_t dim, bool keepdim = false) {
  return call<aten::argmin>(self, dim, keepdim);
}
SSP_IF_USED inline Tensor logsumexp(const Tensor& self, Ints dims, bool keepdim = false) {
  return call<aten::logsumexp>(self, dims, keepdim);
}
SSP_IF_USED inline Tensor cumsum(const Tensor& self, int64_t dim) { return call<aten::cumsum>(self, dim); }
SSP_IF_USED inline Tensor quantile(const Tensor& self, double q, int64_t dim, bool keepdim = false) {
  return call<aten::quantile>(self, q, dim, keepdim);
}
SSP_IF_USED inline Tensor vector_norm(const Tensor& self, double ord, Ints dims, bool keepdim = false) {
  return call<aten::vector_norm>(self, ord, dims, keepdim);
}
// Of all elements, as of one vector.
SSP_IF_USED inline Tensor vector_norm(const Tensor& self, double ord = 2) {
  return call<aten::vector_norm>(self, ord, std::nullopt, false);
}
// x / max(|x|, eps) along dim, as torch.nn.functional.normalize.
SSP_IF_USED inline Tensor normalize(const Tensor& self, int64_t dim = 1, double eps = 1e-12) {
  return self / clamp(vector_norm(self, 2, {dim}, true), eps);
}

template <class>
Tensor Tensor::sum() const {
  return ssp::sum(*this);
}
template <class>
Tensor Tensor::mean() const {
  return ssp::mean(*this);
}
template <class>
Tensor Tensor::max() const {
  return ssp::max(*this);
}
template <class>
Tensor Tensor::min() const {
  return ssp::min(*this);
}
template <class>
Tensor Tensor::all() const {
  return ssp::all(*this);
}
template <class>
Tensor Tensor::any() const {
  return ssp::any(*this);
}
template <class>
Tensor Tensor::sum(Ints dims, bool keepdim) const {
  return ssp::sum(*this, dims, keepdim);
}
template <class>
Tensor Tensor::mean(Ints dims, bool keepdim) const {
  return ssp::mean(*this, dims, keepdim);
}
template <class>
Tensor Tensor::argmax(int64_t dim, bool keepdim) const {
  return ssp::argmax(*this, dim, keepdim);
}
template <class>
Tensor Tensor::norm() const {
  return ssp::vector_norm(*this);
}
template <class>
Tensor Tensor::norm(double p, Ints dims, bool keepdim) const {
  return ssp::vector_norm(*this, p, dims, keepdim);
}

}  // namespace v0
}  // namespace ssp
