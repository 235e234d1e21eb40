// Sample arguments of operators: a small language for values, and the values themselves, told to the table and to
// LibTorch by separate ways.
//
//   u[3,4] uniform in (0.1, 0.9)     n[…] normal            p[…] uniform in (0.5, 1.5)    c[…] complex normal
//   d[…] uniform, f64                g[…] +1 and -1         s[n,n] symmetric, positive definite
//   i5[…] ints below 5, i1[3]+1 plus one      b[…] bools    perm[4] a permutation         x[0.2,0.5] these numbers
//   t[3,4] u[4,3] transposed         !: takes no gradient   {…;…} a list of tensors       (1,2) ints
//   5 0.5 true "text" none default f64 device gen
#pragma once
#include <ATen/ATen.h>
#include <ATen/core/ivalue.h>

#include <map>
#include <string>
#include <vector>

#include "bridge/operators/op_list.h"
#include "ssp/ops.h"

namespace selfsup::bridge::testing {

extern const char* const kTensorArguments;
extern const char* const kOtherArguments;
extern const char* const kSamples;

struct Value {
  enum class Kind { none, byDefault, tensor, tensors, integer, real, boolean, text, ints, dtype, device, generator };
  Kind kind = Kind::none;
  std::vector<at::Tensor> tensors;
  std::vector<int64_t> ints;
  double real = 0;
  std::string text;
};

// Tensors take gradients unless marked; bf16: floating tensors are of that type.
Value parse_value(const std::string& text, bool gradients, bool bf16);

// The sample text of each argument of an operator, in the list's order. Throws when one has no maker.
std::vector<std::string> sample_of(const ListedOp& op);

}  // namespace selfsup::bridge::testing
