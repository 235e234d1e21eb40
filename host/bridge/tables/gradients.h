// Derivatives for plugins: the functions leaf, grad and gradient of the table "ssp.ops". Main thread.
#pragma once
#include "ssp/ops.h"

namespace selfsup::bridge {

ssp_status leaf(ssp_call* call, ssp_tensor tensor, ssp_tensor* out);
ssp_status grad(const ssp_tensor* outputs, uint32_t n_outputs, const ssp_tensor* inputs, uint32_t n_inputs,
                const ssp_tensor* grad_outputs, uint32_t flags, ssp_tensor* outs);
ssp_status gradient(ssp_tensor parameter, ssp_tensor* out);

}  // namespace selfsup::bridge
