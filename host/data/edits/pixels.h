// Loops over the pixels of one row, for colour edits. A pixel is 0x00BBGGRR. Knows no edits.
#pragma once
#include <cstddef>
#include <cstdint>

namespace selfsup::data::pixels {

// Rows of pixels are worked on in groups: `count` is a multiple of kGroup, and what is beyond the row does not matter.
constexpr size_t kGroup = 16;

void unpack(const uint8_t* rgb, uint32_t* pixels, size_t count);  // count: any; reads no byte past 3 count
void pack(const uint32_t* pixels, uint8_t* rgb, size_t count);    // count: any

// Pillow's arithmetic.
void saturation(uint32_t* pixels, size_t count, float factor);
void hue(uint32_t* pixels, size_t count, int shift);  // of 8 bits, 0 … 255
void grey(uint32_t* pixels, size_t count);
void weighted_grey(uint32_t* pixels, size_t count, const double weights[3]);  // truncated
uint64_t grey_sum(const uint8_t* rgb, size_t count);                          // count: any

// Arithmetic of torchvision's u8 tensors.
namespace torchvision {
void saturation(uint32_t* pixels, size_t count, double factor);
void hue(uint32_t* pixels, size_t count, double shift);
void grey(uint32_t* pixels, size_t count);
uint64_t grey_sum(const uint8_t* rgb, size_t count);
}  // namespace torchvision

}  // namespace selfsup::data::pixels
