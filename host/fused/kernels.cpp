#include "fused/kernels.h"

#include <vector>

#include "base/processor.h"

namespace selfsup::fused {
namespace {

std::vector<Kernels> find_kernels() {
  std::vector<Kernels> found;
#if defined(__x86_64__)
  if (has_avx512() && __builtin_cpu_supports("avx512bf16")) found.push_back(avx512_bf16_kernels());
  if (has_avx512()) found.push_back(avx512_kernels());
  if (has_avx2()) found.push_back(avx2_kernels());
#endif
  found.push_back(portable_kernels());
  return found;
}

const Kernels* g_in_use = nullptr;

}  // namespace

std::span<const Kernels> kernels() {
  static const std::vector<Kernels> found = find_kernels();
  return found;
}

const Kernels& kernels_in_use() { return g_in_use ? *g_in_use : kernels().front(); }

void use_kernels(const Kernels* kernels) { g_in_use = kernels; }

}  // namespace selfsup::fused
