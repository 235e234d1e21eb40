// Tensors by name, as checkpoints and their readers compare and copy them, and the checkpoint room's views of their
// bytes. Knows no file.
#pragma once
#include <ATen/core/Tensor.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "checkpoint/safetensors.h"
#include "checkpoint/strict_report.h"
#include "model/store.h"

namespace selfsup::train {

using StateDict = std::vector<std::pair<std::string, at::Tensor>>;

// As safetensors calls it. Error(failed) for one that checkpoints do not hold.
std::string dtype_name(at::ScalarType type);
// The way back. Error(checkpoint) for one that this host does not use; name: of the tensor that has it.
at::ScalarType dtype_named(std::string_view dtype, const std::string& name);

// A view of a dense, contiguous CPU tensor, which keeps the bytes alive. Error(failed) for another, or for a dtype that
// checkpoints do not hold.
checkpoint::TensorView to_view(std::string name, const at::Tensor& tensor);
// A tensor over the view's bytes, which must outlive it and which are not to be written. Unaligned bytes are copied.
at::Tensor to_tensor(const checkpoint::TensorView& view);

// The declared tensors but the transient ones, shared with the store.
StateDict model_tensors(model::ParameterStore& model);
// The trained parameters themselves, in the order of the model, shared with the store.
StateDict trained_tensors(model::ParameterStore& model);
// The others that are to be equal on all ranks: frozen parameters and buffers, but those of each rank.
std::vector<at::Tensor> untrained_tensors(const model::ParameterStore& model);
// Over the file's mapping, which must outlive them.
StateDict tensors_in(const checkpoint::SafetensorsFile& file);

checkpoint::StrictReport compare(const StateDict& wanted, const StateDict& found, bool check_dtype);
// To those of `into` that `from` has a value for, of any dtype.
void copy_values(const StateDict& into, const StateDict& from);

}  // namespace selfsup::train
