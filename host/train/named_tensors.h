// Tensors by name, as checkpoints and their readers compare and copy them. Knows no file.
#pragma once
#include "checkpoint/safetensors.h"
#include "checkpoint/strict_report.h"
#include "model/store.h"
#include "train/optimizers/optimizer.h"

namespace selfsup::train {

// The declared tensors but the transient ones, shared with the store.
NamedTensors model_tensors(model::ParameterStore& model);
// Over the file's mapping, which must outlive them.
NamedTensors tensors_in(const checkpoint::SafetensorsFile& file);

checkpoint::StrictReport compare(const NamedTensors& wanted, const NamedTensors& found, bool check_dtype);
// To those of `into` that `from` has a value for, of any dtype.
void copy_values(const NamedTensors& into, const NamedTensors& from);

}  // namespace selfsup::train
