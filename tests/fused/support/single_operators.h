// The halves of a block in single operators of ATen, and what of both ways is compared.
#pragma once
#include <ATen/ATen.h>

#include <functional>
#include <string>
#include <vector>

#include "fused/half_blocks.h"

namespace selfsup::fused::testing {

at::Tensor in_single_operators(const AttentionHalf& h);
at::Tensor in_single_operators(const MlpHalf& h);
at::Tensor in_single_operators(const PackedAttention& a);

// The same in double precision, as leaves of their own.
AttentionHalf in_double(AttentionHalf h);
MlpHalf in_double(MlpHalf h);

// What an attention half-block is made of; the options are those of the tests.
struct Shape {
  int64_t batch, tokens, width, heads, hidden;
};
AttentionHalf attention_of(const Shape& s);
MlpHalf mlp_of(const Shape& s);
std::vector<at::Tensor> inputs_of(const AttentionHalf& h);
std::vector<at::Tensor> inputs_of(const MlpHalf& h);

// The loss sum(y * g) for a fixed g, then y and the gradients of all inputs that require one.
struct Outcome {
  double loss = 0;
  std::vector<at::Tensor> tensors;
};
Outcome outcome(const at::Tensor& y, const std::vector<at::Tensor>& inputs);

// |a - b| / |b| over all elements; the largest among the tensors of both.
double distance(const at::Tensor& a, const at::Tensor& b);
double distance(const Outcome& a, const Outcome& b);
bool same_bits(const Outcome& a, const Outcome& b);

// Mixed precision of the CPU, in bf16, while it lives.
class Autocast {
 public:
  Autocast();
  ~Autocast();
};

}  // namespace selfsup::fused::testing
