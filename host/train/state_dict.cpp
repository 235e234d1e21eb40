#include "train/state_dict.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <string_view>
#include <unordered_map>

#include "train/optimizers/tensor_views.h"

namespace selfsup::train {
namespace {

std::vector<checkpoint::TensorSpec> specs(const StateDict& tensors) {
  std::vector<checkpoint::TensorSpec> out;
  for (const auto& [name, tensor] : tensors)
    out.push_back({name, dtype_name(tensor.scalar_type()), tensor.sizes().vec()});
  return out;
}

}  // namespace

StateDict model_tensors(model::ParameterStore& model) {
  StateDict out;
  for (model::Entry& entry : model.entries())
    if (!entry.transient) out.emplace_back(entry.name, entry.tensor.detach());
  return out;
}

StateDict tensors_in(const checkpoint::SafetensorsFile& file) {
  StateDict out;
  for (const checkpoint::TensorView& view : file.tensors()) out.emplace_back(view.name, to_tensor(view));
  return out;
}

checkpoint::StrictReport compare(const StateDict& wanted, const StateDict& found, bool check_dtype) {
  return checkpoint::compare(specs(wanted), specs(found), check_dtype);
}

void copy_values(const StateDict& into, const StateDict& from) {
  at::NoGradGuard no_grad;
  std::unordered_map<std::string_view, const at::Tensor*> values;
  for (const auto& [name, tensor] : from) values.emplace(name, &tensor);
  for (const auto& [name, tensor] : into)
    if (const auto value = values.find(name); value != values.end()) tensor.copy_(*value->second);
}

}  // namespace selfsup::train
