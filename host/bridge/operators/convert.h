// Values of the SDK to LibTorch's boxed values and back, with every kind checked, since boxed calls check nothing.
#pragma once
#include "bridge/operators/operator.h"

namespace selfsup::bridge {

// Failure(SSP_E_ARGUMENT) names the operator, the argument, and both kinds.
c10::IValue to_ivalue(const ssp_op_s& op, const Argument& argument, const ssp_value& value);

// Results, lists flattened, as new handles. Failure(SSP_E_ARGUMENT) when there is no room; then no handle stays.
void to_values(const ssp_op_s& op, std::vector<c10::IValue>& results, ssp_value* outs, uint32_t* n_outs);

// "aten::mm(self=f32[2, 3], mat2=f32[4, 5])", of what a call passed; for messages.
std::string call_text(const ssp_op_s& op, const ssp_value* args, uint32_t n);

}  // namespace selfsup::bridge
