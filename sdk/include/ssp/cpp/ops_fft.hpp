// SPDX-License-Identifier: Apache-2.0
// Fourier transforms over the last two dimensions, and parts of complex tensors (c64).
#pragma once
#include "ssp/cpp/op.hpp"

namespace ssp {
inline namespace v0 {

namespace aten {
SSP_OP(fft2, "fft_fft2", "", "self,dim,norm");
SSP_OP(ifft2, "fft_ifft2", "", "self,dim,norm");
SSP_OP(rfft2, "fft_rfft2", "", "self,dim,norm");
SSP_OP(irfft2, "fft_irfft2", "", "self,s,dim,norm");
SSP_OP(fftshift, "fft_fftshift", "", "self,dim");
SSP_OP(ifftshift, "fft_ifftshift", "", "self,dim");
SSP_OP(real, "real", "", "self");
SSP_OP(imag, "imag", "", "self");
SSP_OP(angle, "angle", "", "self");
SSP_OP(complex, "complex", "", "real,imag");
SSP_OP(polar, "polar", "", "abs,angle");
}  // namespace aten

// norm: "backward" divides the way back by the number of elements, "ortho" both ways by its root, "forward" the way
// there.
SSP_IF_USED inline Tensor fft2(const Tensor& self, const char* norm = "backward") {
  return call<aten::fft2>(self, Ints{-2, -1}, norm);
}
SSP_IF_USED inline Tensor ifft2(const Tensor& self, const char* norm = "backward") {
  return call<aten::ifft2>(self, Ints{-2, -1}, norm);
}
// Of a real tensor: the half that is not redundant. irfft2 wants the sizes of the real result.
SSP_IF_USED inline Tensor rfft2(const Tensor& self, const char* norm = "backward") {
  return call<aten::rfft2>(self, Ints{-2, -1}, norm);
}
SSP_IF_USED inline Tensor irfft2(const Tensor& self, Ints sizes, const char* norm = "backward") {
  return call<aten::irfft2>(self, sizes, Ints{-2, -1}, norm);
}
SSP_IF_USED inline Tensor fftshift(const Tensor& self, Ints dims = {-2, -1}) {
  return call<aten::fftshift>(self, dims);
}
SSP_IF_USED inline Tensor ifftshift(const Tensor& self, Ints dims = {-2, -1}) {
  return call<aten::ifftshift>(self, dims);
}
SSP_IF_USED inline Tensor real(const Tensor& self) { return call<aten::real>(self); }
SSP_IF_USED inline Tensor imag(const Tensor& self) { return call<aten::imag>(self); }
SSP_IF_USED inline Tensor angle(const Tensor& self) { return call<aten::angle>(self); }
SSP_IF_USED inline Tensor complex(const Tensor& real, const Tensor& imag) { return call<aten::complex>(real, imag); }
SSP_IF_USED inline Tensor polar(const Tensor& abs, const Tensor& angle) { return call<aten::polar>(abs, angle); }

}  // namespace v0
}  // namespace ssp
