#include <cstring>
#include "fused/kernels.h"
#include "fused/lanes.h"

#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif
#include "fused/vector_avx2.h"

#include "fused/attention_bodies.h"

namespace selfsup::fused {

Kernels avx2_kernels() { return kernels_named("AVX2"); }

}  // namespace selfsup::fused
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
