// Between LibTorch's tensors and the checkpoint room's views of plain bytes. Knows no file and no meaning of a tensor.
#pragma once
#include <ATen/core/Tensor.h>

#include <string>

#include "checkpoint/safetensors.h"

namespace selfsup::train {

// "F32" and so on; Error(failed) for a dtype that checkpoints do not hold.
std::string dtype_name(at::ScalarType type);

// A view of a dense, contiguous CPU tensor; the tensor keeps the bytes alive. Another tensor is Error(failed).
checkpoint::TensorView to_view(std::string name, const at::Tensor& tensor);

// A tensor over the view's bytes, which must outlive it and which are not to be written. Unaligned bytes are copied.
at::Tensor to_tensor(const checkpoint::TensorView& view);

}  // namespace selfsup::train
