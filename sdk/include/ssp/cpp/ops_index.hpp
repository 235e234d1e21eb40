// SPDX-License-Identifier: Apache-2.0
// Indexing, gathering, scattering, sorting.
#pragma once
#include "ssp/cpp/op.hpp"

namespace ssp {
inline namespace v0 {

namespace aten {
SSP_OP(gather, "gather", "", "self,dim,index");
SSP_OP(scatter, "scatter", "src", "self,dim,index,src");
SSP_OP(scatter_value, "scatter", "value", "self,dim,index,value");
SSP_OP(scatter_add, "scatter_add", "", "self,dim,index,src");
SSP_OP(index_select, "index_select", "", "self,dim,index");
SSP_OP(index_add, "index_add", "", "self,dim,index,source");
SSP_OP(index_copy, "index_copy", "", "self,dim,index,source");
SSP_OP(take_along_dim, "take_along_dim", "", "self,indices,dim");
SSP_OP(masked_select, "masked_select", "", "self,mask");
SSP_OP(nonzero, "nonzero", "", "self");
SSP_OP(one_hot, "one_hot", "", "self,num_classes");
SSP_OP(bincount, "bincount", "", "self,minlength");
SSP_OP(embedding, "embedding", "", "weight,indices");
SSP_OP(index, "index", "Tensor", "self,indices");
SSP_OP(index_put, "index_put", "", "self,indices,values,accumulate");
SSP_OP(index_fill, "index_fill", "int_Scalar", "self,dim,index,value");
SSP_OP(scatter_reduce, "scatter_reduce", "two", "self,dim,index,src,reduce,include_self");
SSP_OP(select, "select", "int", "self,dim,index");
SSP_OP(slice, "slice", "Tensor", "self,dim,start,end");
SSP_OP(narrow, "narrow", "", "self,dim,start,length");
SSP_OP(argsort, "argsort", "stable", "self,stable,dim,descending");
SSP_OP(sort, "sort", "stable", "self,stable,dim,descending");
SSP_OP(topk, "topk", "", "self,k,dim,largest,sorted");
}  // namespace aten

SSP_IF_USED inline Tensor gather(const Tensor& self, int64_t dim, const Tensor& index) {
  return call<aten::gather>(self, dim, index);
}
SSP_IF_USED inline Tensor scatter(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src) {
  return call<aten::scatter>(self, dim, index, src);
}
SSP_IF_USED inline Tensor scatter(const Tensor& self, int64_t dim, const Tensor& index, Scalar value) {
  return call<aten::scatter_value>(self, dim, index, value);
}
SSP_IF_USED inline Tensor scatter_add(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src) {
  return call<aten::scatter_add>(self, dim, index, src);
}
SSP_IF_USED inline Tensor index_select(const Tensor& self, int64_t dim, const Tensor& index) {
  return call<aten::index_select>(self, dim, index);
}
SSP_IF_USED inline Tensor index_add(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source) {
  return call<aten::index_add>(self, dim, index, source);
}
SSP_IF_USED inline Tensor index_copy(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source) {
  return call<aten::index_copy>(self, dim, index, source);
}
SSP_IF_USED inline Tensor index_fill(const Tensor& self, int64_t dim, const Tensor& index, Scalar value) {
  return call<aten::index_fill>(self, dim, index, value);
}
// self[indices[0], indices[1], …]; an index is i64, or boolean.
SSP_IF_USED inline Tensor index(const Tensor& self, const TensorList& indices) {
  return call<aten::index>(self, indices);
}
SSP_IF_USED inline Tensor index_put(const Tensor& self, const TensorList& indices, const Tensor& values,
                                    bool accumulate = false) {
  return call<aten::index_put>(self, indices, values, accumulate);
}
// reduce: "sum", "prod", "mean", "amax" or "amin"; include_self: the values that are there take part.
SSP_IF_USED inline Tensor scatter_reduce(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src,
                                         const char* reduce, bool include_self = true) {
  return call<aten::scatter_reduce>(self, dim, index, src, reduce, include_self);
}
SSP_IF_USED inline Tensor take_along_dim(const Tensor& self, const Tensor& indices, int64_t dim) {
  return call<aten::take_along_dim>(self, indices, dim);
}
SSP_IF_USED inline Tensor masked_select(const Tensor& self, const Tensor& mask) {
  return call<aten::masked_select>(self, mask);
}
SSP_IF_USED inline Tensor nonzero(const Tensor& self) { return call<aten::nonzero>(self); }
SSP_IF_USED inline Tensor one_hot(const Tensor& self, int64_t num_classes) {
  return call<aten::one_hot>(self, num_classes);
}
// How often each number comes, 0 … at least min_length - 1.
SSP_IF_USED inline Tensor bincount(const Tensor& self, int64_t min_length = 0) {
  return call<aten::bincount>(self, min_length);
}
SSP_IF_USED inline Tensor embedding(const Tensor& weight, const Tensor& indices) {
  return call<aten::embedding>(weight, indices);
}
// Stable, so that equal keys give one order everywhere.
SSP_IF_USED inline Tensor argsort(const Tensor& self, int64_t dim = -1, bool descending = false) {
  return call<aten::argsort>(self, true, dim, descending);
}
// Values and indices; stable too.
SSP_IF_USED inline std::array<Tensor, 2> sort(const Tensor& self, int64_t dim = -1, bool descending = false) {
  return call_n<aten::sort, 2>(self, true, dim, descending);
}
// Values and indices.
SSP_IF_USED inline std::array<Tensor, 2> topk(const Tensor& self, int64_t k, int64_t dim = -1, bool largest = true,
                                              bool sorted = true) {
  return call_n<aten::topk, 2>(self, k, dim, largest, sorted);
}

template <class>
Tensor Tensor::operator[](int64_t index) const {
  return select(0, index);
}
template <class>
Tensor Tensor::select(int64_t dim, int64_t index) const {
  return call<aten::select>(*this, dim, index);
}
template <class>
Tensor Tensor::slice(int64_t dim, int64_t start, std::optional<int64_t> end) const {
  return call<aten::slice>(*this, dim, start, end);
}
template <class>
Tensor Tensor::narrow(int64_t dim, int64_t start, int64_t length) const {
  return call<aten::narrow>(*this, dim, start, length);
}
template <class>
Tensor Tensor::index_select(int64_t dim, const Tensor& index) const {
  return ssp::index_select(*this, dim, index);
}

}  // namespace v0
}  // namespace ssp
