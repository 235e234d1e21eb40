// SPDX-License-Identifier: Apache-2.0
// Gradients inside a step, and those that backward left for the optimizer.
#pragma once
#include "ssp/cpp/call.hpp"

namespace ssp {
inline namespace v0 {

// A copy of the values with respect to which grad gives derivatives: of images, which themselves require none.
inline Tensor leaf(const Tensor& values, const Call& call) {
  ssp_tensor out{0};
  check(detail::runtime.ops->leaf(call.raw(), values.handle(), &out));
  return Tensor(out);
}

// d outputs / d inputs, as torch.autograd.grad: one tensor an input, empty where SSP_GRAD_ALLOW_UNUSED allows it.
// Nothing is added to any parameter's gradient. flags: SSP_GRAD_RETAIN_GRAPH, SSP_GRAD_CREATE_GRAPH,
// SSP_GRAD_ALLOW_UNUSED. grad_outputs: one an output that is no scalar; none at all for scalars.
inline std::vector<Tensor> grad(const TensorList& outputs, const TensorList& inputs, uint32_t flags = 0,
                                const TensorList& grad_outputs = {}) {
  if (grad_outputs.size() != 0 && grad_outputs.size() != outputs.size())
    throw Error(SSP_E_ARGUMENT, "grad: " + std::to_string(outputs.size()) + " outputs, and grad_outputs for " +
                                    std::to_string(grad_outputs.size()));
  std::vector<ssp_tensor> found(inputs.size(), ssp_tensor{0});
  check(detail::runtime.ops->grad(outputs.data(), static_cast<uint32_t>(outputs.size()), inputs.data(),
                                  static_cast<uint32_t>(inputs.size()),
                                  grad_outputs.size() ? grad_outputs.data() : nullptr, flags, found.data()));
  std::vector<Tensor> result;
  result.reserve(found.size());
  for (const ssp_tensor& t : found) result.emplace_back(t);
  return result;
}

// Of a trained parameter, in SSP_EVENT_GRADIENTS only: the tensor itself, to be read or changed in place. Empty where
// backward gave none.
inline Tensor gradient(const Tensor& parameter) {
  ssp_tensor out{0};
  check(detail::runtime.ops->gradient(parameter.handle(), &out));
  return Tensor(out);
}

}  // namespace v0
}  // namespace ssp
