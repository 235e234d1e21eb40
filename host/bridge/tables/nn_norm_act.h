// What ssp_nn.norm_act runs: batch norm, residual and ReLU as one. Main thread.
#pragma once
#include "bridge/tables/nn_arguments.h"

namespace selfsup::bridge {

// NotFused where single operators are to be used, Failure where no host could run it.
at::Tensor run_norm_act(HostState& host, const ssp_call* call, const ssp_nn_norm_act* args);

}  // namespace selfsup::bridge
