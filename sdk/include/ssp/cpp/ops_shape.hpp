// SPDX-License-Identifier: Apache-2.0
// Operators that change the shape, place or type of elements, not their values.
#pragma once
#include "ssp/cpp/op.hpp"

namespace ssp {
inline namespace v0 {

namespace op {
SSP_OP(reshape, "reshape", "", "self,shape");
SSP_OP(view, "view", "", "self,size");
SSP_OP(expand, "expand", "", "self,size");
SSP_OP(transpose, "transpose", "int", "self,dim0,dim1");
SSP_OP(t, "t", "", "self");
SSP_OP(permute, "permute", "", "self,dims");
SSP_OP(flatten, "flatten", "using_ints", "self,start_dim,end_dim");
SSP_OP(unsqueeze, "unsqueeze", "", "self,dim");
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
SSP_OP(chunk, "chunk", "", "self,chunks,dim");
SSP_OP(repeat, "repeat", "", "self,repeats");
SSP_OP(roll, "roll", "", "self,shifts,dims");
SSP_OP(flip, "flip", "", "self,dims");
SSP_OP(rot90, "rot90", "", "self,k,dims");
SSP_OP(pad, "pad", "", "self,pad,mode,value");
SSP_OP(unfold, "unfold", "", "self,dimension,size,step");
}  // namespace op

SSP_IF_USED inline Tensor cat(const TensorList& tensors, int64_t dim = 0) { return call<op::cat>(tensors, dim); }
SSP_IF_USED inline Tensor stack(const TensorList& tensors, int64_t dim = 0) { return call<op::stack>(tensors, dim); }
// const auto [q, k, v] = unbind<3>(qkv, 0);
template <size_t N>
std::array<Tensor, N> unbind(const Tensor& self, int64_t dim = 0) {
  return call_n<op::unbind, N>(self, dim);
}
SSP_IF_USED inline std::vector<Tensor> unbind(const Tensor& self, int64_t dim = 0) {
  return call_list<op::unbind>(self.size(dim), self, dim);
}
SSP_IF_USED inline std::vector<Tensor> split(const Tensor& self, int64_t split_size, int64_t dim = 0) {
  if (split_size < 1) throw Error(SSP_E_ARGUMENT, "split: split_size must be at least 1");
  return call_list<op::split>(self.size(dim) / split_size + 1, self, split_size, dim);
}
SSP_IF_USED inline std::vector<Tensor> chunk(const Tensor& self, int64_t chunks, int64_t dim = 0) {
  return call_list<op::chunk>(chunks, self, chunks, dim);
}
SSP_IF_USED inline Tensor repeat(const Tensor& self, Ints repeats) { return call<op::repeat>(self, repeats); }
SSP_IF_USED inline Tensor roll(const Tensor& self, Ints shifts, Ints dims) {
  return call<op::roll>(self, shifts, dims);
}
SSP_IF_USED inline Tensor flip(const Tensor& self, Ints dims) { return call<op::flip>(self, dims); }
SSP_IF_USED inline Tensor rot90(const Tensor& self, int64_t k, Ints dims) { return call<op::rot90>(self, k, dims); }
// pad: last dimension first, (before, after) each; mode constant, reflect, replicate or circular.
SSP_IF_USED inline Tensor pad(const Tensor& self, Ints pad, const char* mode = "constant", double value = 0) {
  return call<op::pad>(self, pad, mode, std::strcmp(mode, "constant") ? std::optional<double>() : value);
}
SSP_IF_USED inline Tensor unfold(const Tensor& self, int64_t dimension, int64_t size, int64_t step) {
  return call<op::unfold>(self, dimension, size, step);
}

template <class>
Tensor Tensor::reshape(Ints shape) const {
  return call<op::reshape>(*this, shape);
}
template <class>
Tensor Tensor::view(Ints shape) const {
  return call<op::view>(*this, shape);
}
template <class>
Tensor Tensor::expand(Ints sizes) const {
  return call<op::expand>(*this, sizes);
}
template <class>
Tensor Tensor::transpose(int64_t dim0, int64_t dim1) const {
  return call<op::transpose>(*this, dim0, dim1);
}
template <class>
Tensor Tensor::t() const {
  return call<op::t>(*this);
}
template <class>
Tensor Tensor::permute(Ints dims) const {
  return call<op::permute>(*this, dims);
}
template <class>
Tensor Tensor::flatten(int64_t start, int64_t end) const {
  return call<op::flatten>(*this, start, end);
}
template <class>
Tensor Tensor::unsqueeze(int64_t dim) const {
  return call<op::unsqueeze>(*this, dim);
}
template <class>
Tensor Tensor::squeeze(int64_t dim) const {
  return call<op::squeeze>(*this, dim);
}
template <class>
Tensor Tensor::contiguous() const {
  return call<op::contiguous>(*this);
}
template <class>
Tensor Tensor::clone() const {
  return call<op::clone>(*this);
}
template <class>
Tensor Tensor::detach() const {
  return call<op::detach>(*this);
}
template <class>
Tensor Tensor::to(DType dtype) const {
  return this->dtype() == dtype ? *this : call<op::to>(*this, dtype);
}
template <class>
double Tensor::item() const {
  const ssp_value v = call_value<op::item>(*this);
  return v.kind == SSP_V_DOUBLE ? v.u.d : static_cast<double>(v.u.i);
}

}  // namespace v0
}  // namespace ssp
