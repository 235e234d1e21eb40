// How many lanes of a vector count: all, or the first few at the end of a row.
#pragma once
#include <cstdint>

#include "base/intrinsics.h"

namespace selfsup::fused {

struct Whole {};
struct Part {
  int64_t n;
};

}  // namespace selfsup::fused
