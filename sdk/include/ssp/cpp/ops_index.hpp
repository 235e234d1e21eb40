// SPDX-License-Identifier: Apache-2.0
// Indexing, gathering, scattering, sorting.
#pragma once
#include "ssp/cpp/op.hpp"

namespace ssp {
inline namespace v0 {

namespace op {
SSP_OP(gather, "gather", "", "self,dim,index");
SSP_OP(scatter, "scatter", "src", "self,dim,index,src");
SSP_OP(scatter_value, "scatter", "value", "self,dim,index,value");
SSP_OP(scatter_add, "scatter_add", "", "self,dim,index,src");
SSP_OP(index_select, "index_select", "", "self,dim,index");
SSP_OP(index_add, "index_add", "", "self,dim,index,source");
SSP_OP(index_copy, "index_copy", "", "self,dim,index,source");
SSP_OP(index_copy_, "index_copy_", "", "self,dim,index,source");
SSP_OP(take_along_dim, "take_along_dim", "", "self,indices,dim");
SSP_OP(masked_select, "masked_select", "", "self,mask");
SSP_OP(nonzero, "nonzero", "", "self");
SSP_OP(one_hot, "one_hot", "", "self,num_classes");
SSP_OP(embedding, "embedding", "", "weight,indices");
SSP_OP(select, "select", "int", "self,dim,index");
SSP_OP(slice, "slice", "Tensor", "self,dim,start,end");
SSP_OP(narrow, "narrow", "", "self,dim,start,length");
SSP_OP(argsort, "argsort", "stable", "self,stable,dim,descending");
SSP_OP(sort, "sort", "", "self,dim,descending");
SSP_OP(topk, "topk", "", "self,k,dim,largest,sorted");
}  // namespace op

SSP_IF_USED inline Tensor gather(const Tensor& self, int64_t dim, const Tensor& index) {
  return call<op::gather>(self, dim, index);
}
SSP_IF_USED inline Tensor scatter(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src) {
  return call<op::scatter>(self, dim, index, src);
}
SSP_IF_USED inline Tensor scatter(const Tensor& self, int64_t dim, const Tensor& index, Scalar value) {
  return call<op::scatter_value>(self, dim, index, value);
}
SSP_IF_USED inline Tensor scatter_add(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src) {
  return call<op::scatter_add>(self, dim, index, src);
}
SSP_IF_USED inline Tensor index_select(const Tensor& self, int64_t dim, const Tensor& index) {
  return call<op::index_select>(self, dim, index);
}
SSP_IF_USED inline Tensor index_add(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source) {
  return call<op::index_add>(self, dim, index, source);
}
SSP_IF_USED inline Tensor index_copy(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source) {
  return call<op::index_copy>(self, dim, index, source);
}
// In place: rows of a queue or bank.
SSP_IF_USED inline void index_copy_(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source) {
  call_void<op::index_copy_>(self, dim, index, source);
}
SSP_IF_USED inline Tensor take_along_dim(const Tensor& self, const Tensor& indices, int64_t dim) {
  return call<op::take_along_dim>(self, indices, dim);
}
SSP_IF_USED inline Tensor masked_select(const Tensor& self, const Tensor& mask) {
  return call<op::masked_select>(self, mask);
}
SSP_IF_USED inline Tensor nonzero(const Tensor& self) { return call<op::nonzero>(self); }
SSP_IF_USED inline Tensor one_hot(const Tensor& self, int64_t num_classes) {
  return call<op::one_hot>(self, num_classes);
}
SSP_IF_USED inline Tensor embedding(const Tensor& weight, const Tensor& indices) {
  return call<op::embedding>(weight, indices);
}
// Stable, so that equal keys give one order everywhere.
SSP_IF_USED inline Tensor argsort(const Tensor& self, int64_t dim = -1, bool descending = false) {
  return call<op::argsort>(self, true, dim, descending);
}
// Values and indices.
SSP_IF_USED inline std::array<Tensor, 2> sort(const Tensor& self, int64_t dim = -1, bool descending = false) {
  return call_n<op::sort, 2>(self, dim, descending);
}
SSP_IF_USED inline std::array<Tensor, 2> topk(const Tensor& self, int64_t k, int64_t dim = -1, bool largest = true,
                                              bool sorted = true) {
  return call_n<op::topk, 2>(self, k, dim, largest, sorted);
}

template <class>
Tensor Tensor::select(int64_t dim, int64_t index) const {
  return call<op::select>(*this, dim, index);
}
template <class>
Tensor Tensor::slice(int64_t dim, int64_t start, std::optional<int64_t> end) const {
  return call<op::slice>(*this, dim, start, end);
}
template <class>
Tensor Tensor::narrow(int64_t dim, int64_t start, int64_t length) const {
  return call<op::narrow>(*this, dim, start, length);
}
template <class>
Tensor Tensor::index_select(int64_t dim, const Tensor& index) const {
  return ssp::index_select(*this, dim, index);
}

}  // namespace v0
}  // namespace ssp
