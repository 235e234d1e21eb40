// SPDX-License-Identifier: Apache-2.0
// Batch norm with what follows it in a residual block: the host runs that as one where it can (ssp/nn.h), else it is
// single operators. Either way the parameters are those of the norm.
#pragma once
#include "ssp/cpp/batch_norm.hpp"
#include "ssp/cpp/ops.hpp"

namespace ssp {
inline namespace v0 {
namespace nn {

// relu(norm(x) + residual), of x [N, C] or [N, C, …]. residual: of x's sizes, or empty.
SSP_IF_USED Tensor norm_act(const BatchNorm& norm, const Tensor& x, const Call& call, const Tensor& residual = {},
                            bool with_relu = true) {
  const ssp_nn* table = detail::runtime.nn;
  if (SSP_HAS(ssp_nn, table, norm_act)) {
    ssp_nn_norm_act args{};
    args.struct_size = sizeof args;
    args.x = x.handle(), args.residual = residual.handle();
    args.weight = norm.weight.handle(), args.bias = norm.bias.handle();
    args.mean = norm.mean.handle(), args.var = norm.var.handle(), args.count = norm.count.handle();
    args.momentum = norm.momentum, args.eps = norm.eps;
    args.sync = static_cast<uint32_t>(norm.sync);
    args.activation = with_relu ? SSP_NN_RELU : SSP_NN_NONE;
    ssp_tensor out{0};
    const ssp_status status = table->norm_act(call.raw(), &args, &out);
    if (status != SSP_E_UNSUPPORTED) {
      check(status);
      return Tensor(out);
    }
  }
  Tensor y = norm(x, call);
  if (residual) y = y + residual;
  return with_relu ? relu(y) : y;
}

}  // namespace nn
}  // namespace v0
}  // namespace ssp
