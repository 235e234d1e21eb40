#include <cstring>
#include "fused/kernels.h"
#include "fused/lanes.h"

#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma"))), \
                             apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma")
#endif
#define SELFSUP_HAS_BF16 1
#include "fused/vector_avx512.h"

#include "fused/attention_bodies.h"

namespace selfsup::fused {

Kernels avx512_bf16_kernels() { return kernels_named("AVX-512 with BF16"); }

}  // namespace selfsup::fused
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
