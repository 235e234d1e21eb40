#include "train/optimizers/optimizer_state.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <unordered_map>

#include "base/errors.h"

namespace selfsup::train {

std::vector<at::Tensor> pick(const std::vector<at::Tensor>& from, const std::vector<size_t>& members) {
  std::vector<at::Tensor> out;
  out.reserve(members.size());
  for (size_t i : members) out.push_back(from[i]);
  return out;
}

std::vector<at::Tensor> gather_gradients(const std::vector<at::Tensor>& params, const std::vector<size_t>& members) {
  std::vector<at::Tensor> out;
  out.reserve(members.size());
  for (size_t i : members) out.push_back(params[i].grad());
  return out;
}

void copy_state(const StateDict& into, const StateDict& from, bool partial) {
  std::unordered_map<std::string_view, const at::Tensor*> targets;
  for (const auto& [name, tensor] : into) targets.emplace(name, &tensor);
  if (!partial && from.size() != into.size())
    throw Error(Exit::checkpoint, fmt::format("the optimizer's saved state has {} tensors where this run has {}: it "
                                              "belongs to another optimizer or model",
                                              from.size(), into.size()));
  for (const auto& [name, tensor] : from) {
    const auto target = targets.find(name);
    if (target == targets.end())
      throw Error(Exit::checkpoint, fmt::format("the optimizer's saved state has \"{}\", which this run's optimizer "
                                                "does not have: it belongs to another optimizer or model",
                                                name));
    const at::Tensor& own = *target->second;
    if (tensor.sizes() != own.sizes() || tensor.scalar_type() != own.scalar_type())
      throw Error(Exit::checkpoint,
                  fmt::format("the optimizer's saved state \"{}\" is {} {} where this run has {} {}", name,
                              c10::toString(tensor.scalar_type()), fmt::join(tensor.sizes(), "x"),
                              c10::toString(own.scalar_type()), fmt::join(own.sizes(), "x")));
  }
  at::NoGradGuard no_grad;
  for (const auto& [name, tensor] : from) targets.at(name)->copy_(tensor);
}

}  // namespace selfsup::train
