#include "train/state_dict.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <cstring>
#include <string_view>
#include <unordered_map>

#include "base/errors.h"

namespace selfsup::train {
namespace {

constexpr std::pair<at::ScalarType, std::string_view> dtypes[] = {
    {at::kDouble, "F64"}, {at::kFloat, "F32"}, {at::kHalf, "F16"}, {at::kBFloat16, "BF16"}, {at::kLong, "I64"},
    {at::kInt, "I32"},    {at::kShort, "I16"}, {at::kChar, "I8"},  {at::kByte, "U8"},       {at::kBool, "BOOL"}};

std::vector<checkpoint::TensorSpec> specs(const StateDict& tensors) {
  std::vector<checkpoint::TensorSpec> out;
  for (const auto& [name, tensor] : tensors)
    out.push_back({name, dtype_name(tensor.scalar_type()), tensor.sizes().vec()});
  return out;
}

}  // namespace

std::string dtype_name(at::ScalarType type) {
  for (const auto& [known, text] : dtypes)
    if (known == type) return std::string(text);
  throw Error(Exit::failed, fmt::format("a checkpoint cannot hold tensors of dtype {}", c10::toString(type)));
}

at::ScalarType dtype_named(std::string_view dtype, const std::string& name) {
  for (const auto& [type, text] : dtypes)
    if (text == dtype) return type;
  throw Error(Exit::checkpoint, fmt::format("tensor \"{}\" has dtype {}, which this host does not use", name, dtype));
}

checkpoint::TensorView to_view(std::string name, const at::Tensor& tensor) {
  if (!tensor.device().is_cpu() || !tensor.is_contiguous())
    throw Error(Exit::failed, fmt::format("tensor \"{}\" is not a dense tensor on the host", name));
  return {std::move(name), dtype_name(tensor.scalar_type()), tensor.sizes().vec(), tensor.const_data_ptr(),
          tensor.nbytes()};
}

at::Tensor to_tensor(const checkpoint::TensorView& view) {
  const at::ScalarType type = dtype_named(view.dtype, view.name);
  const auto options = at::TensorOptions().dtype(type);
  if (view.bytes > 0 && reinterpret_cast<uintptr_t>(view.data) % c10::elementSize(type) == 0)
    return at::from_blob(const_cast<void*>(view.data), view.shape, options);
  at::Tensor copy = at::empty(view.shape, options);
  if (view.bytes > 0) std::memcpy(copy.mutable_data_ptr(), view.data, view.bytes);
  return copy;
}

StateDict model_tensors(model::ParameterStore& model) {
  StateDict out;
  for (model::Entry& entry : model.entries())
    if (!entry.transient) out.emplace_back(entry.name, entry.tensor.detach());
  return out;
}

StateDict trained_tensors(model::ParameterStore& model) {
  StateDict out;
  for (const model::Entry* entry : model.trained()) out.emplace_back(entry->name, entry->tensor);
  return out;
}

std::vector<at::Tensor> untrained_tensors(const model::ParameterStore& model) {
  std::vector<at::Tensor> out;
  for (const model::Entry& entry : model.entries())
    if (entry.kind != model::Kind::parameter && !entry.per_rank) out.push_back(entry.tensor);
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
