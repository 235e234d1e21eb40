// Initial values of parameters, as torch.nn.init defines them. Knows nobody but the keyed random numbers.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace selfsup::model {

enum class InitKind { constant, normal, uniform, trunc_normal, xavier_uniform, kaiming_normal, kaiming_uniform, data };

// Fields as in ssp/params.h (ssp_init).
struct InitSpec {
  InitKind kind = InitKind::constant;
  double a = 0, b = 0, lo = 0, hi = 0;
  int64_t fan_in = 0, fan_out = 0;  // 0: from the shape
  std::vector<std::byte> data;      // elements of the tensor's dtype
};

// What keeps a tensor of these sizes and bytes from being filled: a fan that neither the specification nor the shape
// has, data of another length, …; empty: nothing.
std::string fault_of(const InitSpec& spec, at::IntArrayRef sizes, uint64_t bytes);

// Fills a CPU tensor. Error(failed) with its fault. key: hash of the seed and the parameter's path.
void initialise(at::Tensor& tensor, const InitSpec& spec, uint64_t key);

}  // namespace selfsup::model
