// SPDX-License-Identifier: Apache-2.0
// Products, decompositions and diagonals of matrices.
#pragma once
#include "ssp/cpp/op.hpp"

namespace ssp {
inline namespace v0 {

namespace aten {
SSP_OP(matmul, "matmul", "", "self,other");
SSP_OP(mm, "mm", "", "self,mat2");
SSP_OP(bmm, "bmm", "", "self,mat2");
SSP_OP(mv, "mv", "", "self,vec");
SSP_OP(dot, "dot", "", "self,tensor");
SSP_OP(outer, "outer", "", "self,vec2");
SSP_OP(einsum, "einsum", "", "equation,tensors");
SSP_OP(cdist, "cdist", "", "x1,x2,p");
SSP_OP(trace, "trace", "", "self");
SSP_OP(diagonal, "diagonal", "", "self,offset,dim1,dim2");
SSP_OP(diag_embed, "diag_embed", "", "self,offset,dim1,dim2");
SSP_OP(tril, "tril", "", "self,diagonal");
SSP_OP(triu, "triu", "", "self,diagonal");
SSP_OP(qr, "linalg_qr", "", "A,mode");
SSP_OP(svd, "linalg_svd", "", "A,full_matrices");
SSP_OP(eigh, "linalg_eigh", "", "self,UPLO");
SSP_OP(cholesky, "linalg_cholesky", "", "self,upper");
SSP_OP(solve, "linalg_solve", "", "A,B,left");
SSP_OP(solve_triangular, "linalg_solve_triangular", "", "self,B,upper,left,unitriangular");
SSP_OP(inverse, "linalg_inv", "", "A");
}  // namespace aten

SSP_IF_USED inline Tensor matmul(const Tensor& self, const Tensor& other) { return call<aten::matmul>(self, other); }
SSP_IF_USED inline Tensor mm(const Tensor& self, const Tensor& mat2) { return call<aten::mm>(self, mat2); }
SSP_IF_USED inline Tensor bmm(const Tensor& self, const Tensor& mat2) { return call<aten::bmm>(self, mat2); }
SSP_IF_USED inline Tensor mv(const Tensor& self, const Tensor& vec) { return call<aten::mv>(self, vec); }
SSP_IF_USED inline Tensor dot(const Tensor& self, const Tensor& other) { return call<aten::dot>(self, other); }
SSP_IF_USED inline Tensor outer(const Tensor& self, const Tensor& vec2) { return call<aten::outer>(self, vec2); }
SSP_IF_USED inline Tensor einsum(const char* equation, const TensorList& tensors) {
  return call<aten::einsum>(equation, tensors);
}
SSP_IF_USED inline Tensor cdist(const Tensor& x1, const Tensor& x2, double p = 2) {
  return call<aten::cdist>(x1, x2, p);
}
SSP_IF_USED inline Tensor trace(const Tensor& self) { return call<aten::trace>(self); }
SSP_IF_USED inline Tensor diagonal(const Tensor& self, int64_t offset = 0, int64_t dim1 = 0, int64_t dim2 = 1) {
  return call<aten::diagonal>(self, offset, dim1, dim2);
}
SSP_IF_USED inline Tensor diag_embed(const Tensor& self, int64_t offset = 0, int64_t dim1 = -2, int64_t dim2 = -1) {
  return call<aten::diag_embed>(self, offset, dim1, dim2);
}
SSP_IF_USED inline Tensor tril(const Tensor& self, int64_t diagonal = 0) { return call<aten::tril>(self, diagonal); }
SSP_IF_USED inline Tensor triu(const Tensor& self, int64_t diagonal = 0) { return call<aten::triu>(self, diagonal); }

// torch.linalg, for whitening and projections. Q and R of the reduced form.
SSP_IF_USED inline std::array<Tensor, 2> qr(const Tensor& a) { return call_n<aten::qr, 2>(a, "reduced"); }
// U, S and Vh, without the vectors of zeros.
SSP_IF_USED inline std::array<Tensor, 3> svd(const Tensor& a) { return call_n<aten::svd, 3>(a, false); }
// Eigenvalues in ascending order, and eigenvectors as columns, of a symmetric matrix.
SSP_IF_USED inline std::array<Tensor, 2> eigh(const Tensor& a) { return call_n<aten::eigh, 2>(a, "L"); }
// L with L L^T = a.
SSP_IF_USED inline Tensor cholesky(const Tensor& a) { return call<aten::cholesky>(a, false); }
// x with a x = b.
SSP_IF_USED inline Tensor solve(const Tensor& a, const Tensor& b) { return call<aten::solve>(a, b, true); }
SSP_IF_USED inline Tensor solve_triangular(const Tensor& a, const Tensor& b, bool upper) {
  return call<aten::solve_triangular>(a, b, upper, true, false);
}
SSP_IF_USED inline Tensor inverse(const Tensor& a) { return call<aten::inverse>(a); }

}  // namespace v0
}  // namespace ssp
