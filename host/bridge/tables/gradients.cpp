#include "bridge/tables/gradients.h"

#include <fmt/format.h>
#include <torch/csrc/autograd/autograd.h>

#include "bridge/host_state.h"
#include "bridge/operators/dtype.h"
#include "bridge/status.h"
#include "bridge/tables/call.h"

namespace selfsup::bridge {
namespace {

constexpr uint32_t kFlags = SSP_GRAD_RETAIN_GRAPH | SSP_GRAD_CREATE_GRAPH | SSP_GRAD_ALLOW_UNUSED;

torch::autograd::variable_list tensors_of(const Handles& handles, const ssp_tensor* list, uint32_t n, const char* what,
                                          bool none_allowed) {
  torch::autograd::variable_list tensors;
  tensors.reserve(n);
  for (uint32_t i = 0; i < n; ++i) {
    try {
      tensors.push_back(list[i].id == 0 && none_allowed ? at::Tensor() : handles.peek(list[i]));
    } catch (const Failure& e) {
      fail(e.status, fmt::format("grad: {}[{}]: {}", what, i, e.text));
    }
  }
  return tensors;
}

void require_graph(const torch::autograd::variable_list& tensors, const char* what) {
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].requires_grad()) continue;
    fail(SSP_E_ARGUMENT, fmt::format("grad: {}[{}] is part of no graph; it must be computed from what requires a "
                                     "gradient while gradients are recorded (grad_push), or be a parameter or a leaf "
                                     "(ops.leaf)",
                                     what, i));
  }
}

}  // namespace

ssp_status leaf(ssp_call* call, ssp_tensor tensor, ssp_tensor* out) {
  return guarded([&] {
    Handles& handles = checked(call).scope.host.handles;
    require(out != nullptr, SSP_E_ARGUMENT, "leaf: out is null");
    const at::Tensor& values = handles.peek(tensor);
    if (!values.is_floating_point() && !values.is_complex()) {
      fail(SSP_E_ARGUMENT,
           fmt::format("leaf: a tensor of {} has no gradient; convert it to a floating-point type first",
                       dtype_name(values.scalar_type())));
    }
    *out = handles.give(values.detach().clone().set_requires_grad(true));
  });
}

ssp_status grad(const ssp_tensor* outputs, uint32_t n_outputs, const ssp_tensor* inputs, uint32_t n_inputs,
                const ssp_tensor* grad_outputs, uint32_t flags, ssp_tensor* outs) {
  return guarded([&] {
    require(outputs && inputs && outs && n_outputs > 0 && n_inputs > 0, SSP_E_ARGUMENT,
            "grad: outputs, inputs and outs must not be null or empty");
    if (flags & 0xffff & ~kFlags) fail(SSP_E_ARGUMENT, fmt::format("grad: unknown flags {:#x}", flags));
    HostState& host = host_of(outputs[0]);
    require_main(host, "grad: only on the thread of the call in progress; this is another thread");
    require(host.phase == Phase::call, SSP_E_PRECONDITION, "grad: only in a per-step call");
    const auto from = tensors_of(host.handles, outputs, n_outputs, "outputs", false);
    const auto to = tensors_of(host.handles, inputs, n_inputs, "inputs", false);
    require_graph(from, "outputs");
    require_graph(to, "inputs");
    torch::autograd::variable_list weights;
    if (grad_outputs) weights = tensors_of(host.handles, grad_outputs, n_outputs, "grad_outputs", true);
    const bool create = (flags & SSP_GRAD_CREATE_GRAPH) != 0;
    torch::autograd::variable_list results;
    try {
      results = torch::autograd::grad(from, to, weights, create || (flags & SSP_GRAD_RETAIN_GRAPH), create,
                                      (flags & SSP_GRAD_ALLOW_UNUSED) != 0);
    } catch (...) {
      fail_with_current_exception("grad");
    }
    for (uint32_t i = 0; i < n_inputs; ++i) outs[i] = host.handles.give(std::move(results[i]));
  });
}

ssp_status gradient(ssp_tensor parameter, ssp_tensor* out) {
  return guarded([&] {
    HostState& host = host_of(parameter);
    require_main(host, "gradient: only on the thread of the call in progress; this is another thread");
    require(out != nullptr, SSP_E_ARGUMENT, "gradient: out is null");
    require(host.has_gradients && host.phase == Phase::call, SSP_E_PRECONDITION,
            "gradient: only in SSP_EVENT_GRADIENTS, which comes to an algorithm with SSP_CAP_GRADIENTS");
    const at::Tensor& tensor = host.handles.peek(parameter);
    require(
        host.declared.trained(tensor) != nullptr, SSP_E_ARGUMENT,
        "gradient: the tensor is no trained parameter (SSP_PARAM); pass the handle that params.declare or list gave");
    *out = host.handles.give(tensor.grad());
  });
}

}  // namespace selfsup::bridge
