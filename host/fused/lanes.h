// How many lanes of a vector count: all, or the first few at the end of a row.
#pragma once
#include <cstdint>

#if defined(__x86_64__)
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13  // GCC bug 105593: false alarms in its own header
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#endif

namespace selfsup::fused {

struct Whole {};
struct Part {
  int64_t n;
};

}  // namespace selfsup::fused
