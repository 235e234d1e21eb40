// Vector instructions, and the attributes of functions that use them. Knows no pixels.
#pragma once

#include "base/intrinsics.h"
#include "base/processor.h"

#if defined(__x86_64__)
#define SELFSUP_AVX2 __attribute__((target("avx2,fma")))
#define SELFSUP_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni")))
#define SELFSUP_INLINE inline __attribute__((always_inline))

namespace selfsup::data {

// With what came with Ice Lake and Zen 4: bytes in any order (VBMI), and products that are added in one step (VNNI).
// Processors that have less of AVX-512 gain little by it.
inline bool has_newer_avx512() {
  return has_avx512() && __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni");
}

}  // namespace selfsup::data
#endif
