// A box blur of a row of bytes, for each instruction set. Knows neither images nor sigmas.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace selfsup::data::blurring {

// A box of 2 radius + 1 whole pixels and a part of the next one at both ends, in 24 bits after the point.
struct Window {
  int radius;
  uint32_t whole, part;
};

// What the box leaves of a sum of whole pixels, up to 15 bits, and of the sum of its two ends.
inline uint8_t weighted(uint32_t sum, uint32_t ends, const Window& box) {
  return static_cast<uint8_t>((sum * box.whole + ends * box.part + (1u << 23)) >> 24);
}

constexpr size_t kBlock = 64;  // bytes that a loop treats at once

struct Kernels {
  const char* name;
  // Of each byte the box around it: taps[k], k from 0 to 2 radius + 2, holds what stands k - radius - 1 places from it
  // and may be read up to whole blocks.
  void (*box)(const uint8_t* const* taps, const Window& box, uint8_t* out, size_t bytes);
};

// Those that this processor can run, the fastest first; the last one runs on all.
std::span<const Kernels> kernels();

}  // namespace selfsup::data::blurring
