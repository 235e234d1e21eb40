// Batch norm, the addition of a residual and a ReLU as one function, forward and backward, over rows of channels in
// memory. On the CPU. Knows no plugin and no configuration.
#pragma once
#include <ATen/core/Tensor.h>

#include <optional>

namespace selfsup::fused {

// What is undefined is not there: a weight of 1, a bias and a residual of 0.
struct NormAct {
  at::Tensor x;             // f32 or bf16: [N, C], or [N, C, H, W] in channels-last memory
  at::Tensor residual;      // of x's sizes, type and memory
  at::Tensor weight, bias;  // f32 [C], as the rest
  at::Tensor mean, var;     // running statistics, both or none
  double momentum = 0, eps = 0;
  bool from_rows = true;  // by the statistics of x, towards which the running ones move; else by the running ones
  bool relu = true;
};

// The memory that x's kind of tensor must lie in; nothing where x has rows of no such kind.
std::optional<at::MemoryFormat> memory_of_rows(const at::Tensor& x);

// As x. The same bits on every run and with any number of threads: what a thread does depends on sizes alone. Gradients
// of x, residual, weight and bias; there is no second derivative. Kept for them: x, two numbers a channel, and a bit
// for each number that went into a ReLU.
at::Tensor norm_act(const NormAct& n);

}  // namespace selfsup::fused
