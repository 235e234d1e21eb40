// Tensors by name, as checkpoints and their readers compare and copy them. Knows no file.
#pragma once
#include <ATen/core/Tensor.h>

#include <string>
#include <utility>
#include <vector>

#include "checkpoint/safetensors.h"
#include "checkpoint/strict_report.h"
#include "model/store.h"

namespace selfsup::train {

using StateDict = std::vector<std::pair<std::string, at::Tensor>>;

// The declared tensors but the transient ones, shared with the store.
StateDict model_tensors(model::ParameterStore& model);
// Over the file's mapping, which must outlive them.
StateDict tensors_in(const checkpoint::SafetensorsFile& file);

checkpoint::StrictReport compare(const StateDict& wanted, const StateDict& found, bool check_dtype);
// To those of `into` that `from` has a value for, of any dtype.
void copy_values(const StateDict& into, const StateDict& from);

}  // namespace selfsup::train
