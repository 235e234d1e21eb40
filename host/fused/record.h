// Autograd's record of a fused function: what its backward reads, and how that runs. Knows no function in particular.
#pragma once
#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

namespace selfsup::fused {

struct Backward {
  const std::vector<at::Tensor>& inputs;  // as they were given, unread ones not; undefined where none was
  const std::vector<at::Tensor>& kept;
  const at::Tensor& dy;            // contiguous, in the format that was asked for
  const std::vector<bool>& wants;  // for each input, then each unread one, whether its gradient is asked for
};
using BackwardBody = std::function<std::vector<at::Tensor>(const Backward&)>;

// Whether a backward may come: some input requires a gradient, and gradients are recorded.
bool records(const std::vector<at::Tensor>& inputs);

struct Recording {
  std::vector<at::Tensor> inputs;  // which the backward reads
  std::vector<at::Tensor> unread;  // which it does not: they are not kept
  std::vector<at::Tensor> kept;
  at::MemoryFormat format = at::MemoryFormat::Contiguous;  // of dy
};

// y as the function's result. Inputs that are changed in place before the backward are an error there; kept tensors go
// when the graph is freed. body gives a gradient for each input that wants one.
void record(const at::Tensor& y, const char* name, Recording what, BackwardBody body);

}  // namespace selfsup::fused
