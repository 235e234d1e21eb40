// SPDX-License-Identifier: Apache-2.0
// New tensors, on the device of another one; random ones take a generator of Call::generator.
#pragma once
#include "ssp/cpp/op.hpp"

namespace ssp {
inline namespace v0 {

namespace aten {
SSP_OP(zeros, "zeros", "", "size,dtype,device");
SSP_OP(ones, "ones", "", "size,dtype,device");
SSP_OP(full, "full", "", "size,fill_value,dtype,device");
SSP_OP(zeros_like, "zeros_like", "", "self");
SSP_OP(ones_like, "ones_like", "", "self");
SSP_OP(full_like, "full_like", "", "self,fill_value");
SSP_OP(arange, "arange", "start", "start,end,dtype,device");
SSP_OP(linspace, "linspace", "", "start,end,steps,dtype,device");
SSP_OP(eye, "eye", "", "n,dtype,device");
SSP_OP(rand, "rand", "generator", "size,generator,dtype,device");
SSP_OP(randn, "randn", "generator", "size,generator,dtype,device");
SSP_OP(randint, "randint", "low_generator", "low,high,size,generator,dtype,device");
SSP_OP(randperm, "randperm", "generator", "n,generator,dtype,device");
SSP_OP(bernoulli, "bernoulli", "", "self,generator");
SSP_OP(multinomial, "multinomial", "", "self,num_samples,replacement,generator");
}  // namespace aten

SSP_IF_USED inline Tensor zeros(Ints size, const Tensor& like, DType dtype = f32) {
  return call<aten::zeros>(size, dtype, DeviceOf{like});
}
SSP_IF_USED inline Tensor ones(Ints size, const Tensor& like, DType dtype = f32) {
  return call<aten::ones>(size, dtype, DeviceOf{like});
}
SSP_IF_USED inline Tensor full(Ints size, Scalar value, const Tensor& like, DType dtype = f32) {
  return call<aten::full>(size, value, dtype, DeviceOf{like});
}
SSP_IF_USED inline Tensor zeros_like(const Tensor& x) { return call<aten::zeros_like>(x); }
SSP_IF_USED inline Tensor ones_like(const Tensor& x) { return call<aten::ones_like>(x); }
SSP_IF_USED inline Tensor full_like(const Tensor& x, Scalar value) { return call<aten::full_like>(x, value); }
SSP_IF_USED inline Tensor arange(int64_t start, int64_t end, const Tensor& like, DType dtype = i64) {
  return call<aten::arange>(start, end, dtype, DeviceOf{like});
}
SSP_IF_USED inline Tensor arange(int64_t end, const Tensor& like, DType dtype = i64) {
  return arange(0, end, like, dtype);
}
SSP_IF_USED inline Tensor linspace(double start, double end, int64_t steps, const Tensor& like, DType dtype = f32) {
  return call<aten::linspace>(start, end, steps, dtype, DeviceOf{like});
}
SSP_IF_USED inline Tensor eye(int64_t n, const Tensor& like, DType dtype = f32) {
  return call<aten::eye>(n, dtype, DeviceOf{like});
}

SSP_IF_USED inline Tensor rand(Ints size, const Generator& generator, const Tensor& like, DType dtype = f32) {
  return call<aten::rand>(size, generator, dtype, DeviceOf{like});
}
SSP_IF_USED inline Tensor randn(Ints size, const Generator& generator, const Tensor& like, DType dtype = f32) {
  return call<aten::randn>(size, generator, dtype, DeviceOf{like});
}
// Integers in [low, high).
SSP_IF_USED inline Tensor randint(int64_t low, int64_t high, Ints size, const Generator& generator, const Tensor& like,
                                  DType dtype = i64) {
  return call<aten::randint>(low, high, size, generator, dtype, DeviceOf{like});
}
SSP_IF_USED inline Tensor randperm(int64_t n, const Generator& generator, const Tensor& like) {
  return call<aten::randperm>(n, generator, i64, DeviceOf{like});
}
SSP_IF_USED inline Tensor bernoulli(const Tensor& probabilities, const Generator& generator) {
  return call<aten::bernoulli>(probabilities, generator);
}
SSP_IF_USED inline Tensor multinomial(const Tensor& weights, int64_t num_samples, bool replacement,
                                      const Generator& generator) {
  return call<aten::multinomial>(weights, num_samples, replacement, generator);
}

}  // namespace v0
}  // namespace ssp
