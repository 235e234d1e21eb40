// SPDX-License-Identifier: Apache-2.0
// Operators that change the shape, place or type of elements, not their values.
#pragma once
#include "ssp/cpp/op.hpp"

namespace ssp {
inline namespace v0 {

namespace aten {
SSP_OP(reshape, "reshape", "", "self,shape");
SSP_OP(view, "view", "", "self,size");
SSP_OP(expand, "expand", "", "self,size");
SSP_OP(transpose, "transpose", "int", "self,dim0,dim1");
SSP_OP(t, "t", "", "self");
SSP_OP(permute, "permute", "", "self,dims");
SSP_OP(flatten, "flatten", "using_ints", "self,start_dim,end_dim");
SSP_OP(unsqueeze, "unsqueeze", "", "self,dim");
SSP_OP(unflatten, "unflatten", "int", "self,dim,sizes");
SSP_OP(movedim, "movedim", "int", "self,source,destination");
SSP_OP(squeeze, "squeeze", "dim", "self,dim");
SSP_OP(contiguous, "contiguous", "", "self");
SSP_OP(clone, "clone", "", "self");
SSP_OP(detach, "detach", "", "self");
SSP_OP(to, "to", "dtype", "self,dtype");
SSP_OP(item, "item", "", "self");
SSP_OP(cat, "cat", "", "tensors,dim");
SSP_OP(stack, "stack", "", "tensors,dim");
SSP_OP(unbind, "unbind", "int", "self,dim");
SSP_OP(split, "split", "Tensor", "self,split_size,dim");
SSP_OP(split_sizes, "split_with_sizes", "", "self,split_sizes,dim");
SSP_OP(chunk, "chunk", "", "self,chunks,dim");
SSP_OP(repeat, "repeat", "", "self,repeats");
SSP_OP(repeat_interleave, "repeat_interleave", "self_int", "self,repeats,dim");
SSP_OP(meshgrid, "meshgrid", "indexing", "tensors,indexing");
SSP_OP(roll, "roll", "", "self,shifts,dims");
SSP_OP(flip, "flip", "", "self,dims");
SSP_OP(rot90, "rot90", "", "self,k,dims");
SSP_OP(pad, "pad", "", "self,pad,mode,value");
SSP_OP(unfold, "unfold", "", "self,dimension,size,step");
}  // namespace aten

SSP_IF_USED inline Tensor cat(const TensorList& tensors, int64_t dim = 0) { return call<aten::cat>(tensors, dim); }
SSP_IF_USED inline Tensor stack(const TensorList& tensors, int64_t dim = 0) { return call<aten::stack>(tensors, dim); }
// const auto [q, k, v] = unbind<3>(qkv, 0);
template <size_t N>
std::array<Tensor, N> unbind(const Tensor& self, int64_t dim = 0) {
  return call_n<aten::unbind, N>(self, dim);
}
SSP_IF_USED inline std::vector<Tensor> unbind(const Tensor& self, int64_t dim = 0) {
  return call_list<aten::unbind>(self.size(dim), self, dim);
}
SSP_IF_USED inline std::vector<Tensor> split(const Tensor& self, int64_t split_size, int64_t dim = 0) {
  if (split_size < 1) throw Error(SSP_E_ARGUMENT, "split: split_size must be at least 1");
  return call_list<aten::split>(self.size(dim) / split_size + 1, self, split_size, dim);
}
// Parts of these sizes.
SSP_IF_USED inline std::vector<Tensor> split(const Tensor& self, Ints sizes, int64_t dim = 0) {
  return call_list<aten::split_sizes>(static_cast<int64_t>(sizes.size()), self, sizes, dim);
}
SSP_IF_USED inline std::vector<Tensor> chunk(const Tensor& self, int64_t chunks, int64_t dim = 0) {
  return call_list<aten::chunk>(chunks, self, chunks, dim);
}
SSP_IF_USED inline Tensor repeat(const Tensor& self, Ints repeats) { return call<aten::repeat>(self, repeats); }
// Each element `repeats` times along dim, one after another.
SSP_IF_USED inline Tensor repeat_interleave(const Tensor& self, int64_t repeats, int64_t dim) {
  return call<aten::repeat_interleave>(self, repeats, dim);
}
// Coordinates of a grid, "ij" indexing: const auto [row, column] = meshgrid(arange(h, x), arange(w, x)).
SSP_IF_USED inline std::array<Tensor, 2> meshgrid(const Tensor& rows, const Tensor& columns) {
  return call_n<aten::meshgrid, 2>(TensorList{rows, columns}, "ij");
}
SSP_IF_USED inline Tensor unflatten(const Tensor& self, int64_t dim, Ints sizes) {
  return call<aten::unflatten>(self, dim, sizes);
}
SSP_IF_USED inline Tensor movedim(const Tensor& self, int64_t source, int64_t destination) {
  return call<aten::movedim>(self, source, destination);
}
SSP_IF_USED inline Tensor roll(const Tensor& self, Ints shifts, Ints dims) {
  return call<aten::roll>(self, shifts, dims);
}
SSP_IF_USED inline Tensor flip(const Tensor& self, Ints dims) { return call<aten::flip>(self, dims); }
SSP_IF_USED inline Tensor rot90(const Tensor& self, int64_t k, Ints dims) { return call<aten::rot90>(self, k, dims); }
// pad: last dimension first, (before, after) each; mode constant, reflect, replicate or circular.
SSP_IF_USED inline Tensor pad(const Tensor& self, Ints pad, const char* mode = "constant", double value = 0) {
  return call<aten::pad>(self, pad, mode, std::strcmp(mode, "constant") ? std::optional<double>() : value);
}
SSP_IF_USED inline Tensor unfold(const Tensor& self, int64_t dimension, int64_t size, int64_t step) {
  return call<aten::unfold>(self, dimension, size, step);
}

template <class>
Tensor Tensor::reshape(Ints shape) const {
  return call<aten::reshape>(*this, shape);
}
template <class>
Tensor Tensor::view(Ints shape) const {
  return call<aten::view>(*this, shape);
}
template <class>
Tensor Tensor::expand(Ints sizes) const {
  return call<aten::expand>(*this, sizes);
}
template <class>
Tensor Tensor::repeat(Ints repeats) const {
  return ssp::repeat(*this, repeats);
}
template <class>
Tensor Tensor::transpose(int64_t dim0, int64_t dim1) const {
  return call<aten::transpose>(*this, dim0, dim1);
}
template <class>
Tensor Tensor::t() const {
  return call<aten::t>(*this);
}
template <class>
Tensor Tensor::permute(Ints dims) const {
  return call<aten::permute>(*this, dims);
}
template <class>
Tensor Tensor::flatten(int64_t start, int64_t end) const {
  return call<aten::flatten>(*this, start, end);
}
template <class>
Tensor Tensor::unsqueeze(int64_t dim) const {
  return call<aten::unsqueeze>(*this, dim);
}
template <class>
Tensor Tensor::squeeze(int64_t dim) const {
  return call<aten::squeeze>(*this, dim);
}
template <class>
Tensor Tensor::contiguous() const {
  return call<aten::contiguous>(*this);
}
template <class>
Tensor Tensor::clone() const {
  return call<aten::clone>(*this);
}
template <class>
Tensor Tensor::detach() const {
  return call<aten::detach>(*this);
}
template <class>
Tensor Tensor::to(DType dtype) const {
  return this->dtype() == dtype ? *this : call<aten::to>(*this, dtype);
}
template <class>
double Tensor::item() const {
  const ssp_value v = call_value<aten::item>(*this);
  return v.kind == SSP_V_DOUBLE ? v.u.d : static_cast<double>(v.u.i);
}

}  // namespace v0
}  // namespace ssp
