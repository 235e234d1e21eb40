// Vector instructions, and the attributes of functions that use them. Knows no pixels.
#pragma once

#if defined(__x86_64__)
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13  // GCC bug 105593: false alarms in its own header
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#define SELFSUP_AVX2 __attribute__((target("avx2,fma")))
#define SELFSUP_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni")))
#define SELFSUP_INLINE inline __attribute__((always_inline))

namespace selfsup::data {

inline bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

// With what came with Ice Lake and Zen 4: bytes in any order (VBMI), and products that are added in one step (VNNI).
// Processors that have less of AVX-512 gain little by it.
inline bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni");
}

}  // namespace selfsup::data
#endif
