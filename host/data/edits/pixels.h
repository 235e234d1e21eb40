// Loops over the pixels of one row, for colour edits, for each instruction set. Knows no edits.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace selfsup::data::pixels {

// The channels of a row, each by itself. They are worked on in groups: `count` is a multiple of kGroup where nothing
// else is said, and what is beyond the row does not matter.
struct Planes {
  uint8_t *red, *green, *blue;
};
constexpr size_t kGroup = 64;

struct Kernels {
  const char* name;
  // count: any. No byte of rgb past 3 count is read or written; of planes, whole groups are.
  void (*unpack)(const uint8_t* rgb, Planes planes, size_t count);
  void (*pack)(Planes planes, uint8_t* rgb, size_t count);
  // Each value becomes that of a table of 256. count: any.
  void (*look_up)(const uint8_t* table, uint8_t* values, size_t count);
  // Pillow's arithmetic.
  void (*saturation)(Planes planes, size_t count, float factor);
  void (*hue)(Planes planes, size_t count, int shift);  // of 8 bits, 0 … 255
  void (*grey)(Planes planes, size_t count);
  uint64_t (*grey_sum)(Planes planes, size_t count);  // count: any
};

// Those that this processor can run, the fastest first; the last one runs on all.
std::span<const Kernels> kernels();
Kernels portable_kernels();
Kernels avx2_kernels();  // where vectors.h has them
Kernels avx512_kernels();

void weighted_grey(Planes planes, size_t count, const double weights[3]);  // Pillow's, truncated

// Arithmetic of torchvision's u8 tensors.
namespace torchvision {
void saturation(Planes planes, size_t count, double factor);
void hue(Planes planes, size_t count, double shift);
void grey(Planes planes, size_t count);
uint64_t grey_sum(Planes planes, size_t count);  // count: any
}  // namespace torchvision

}  // namespace selfsup::data::pixels
