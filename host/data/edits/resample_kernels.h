// The two passes of a resampling over rows of 8-bit pixels, for each instruction set. Knows no images and no filters.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace selfsup::data::resampling {

// Of an axis, for each coordinate of the result: the first coordinate of the source that has a weight, and the weights,
// fixed point with `bits` bits after the point. All have the same number of taps, an even one: weights of 0 fill up,
// and stand for coordinates that may lie outside. Those of a
// coordinate add up to less than 2, signs left aside: sums of pixels fit 32 bits.
struct Taps {
  static constexpr int kLowBits = 11;  // of a weight, in its word: w = high << kLowBits | low, in 16 bits each

  std::vector<int> first;
  std::vector<int32_t> weights;  // `taps` a coordinate
  // The same for instructions that multiply pairs of 16 bits: of each two taps the high parts, then the low parts.
  std::vector<uint32_t> words;
  int taps = 0, bits = 0;

  const int32_t* weights_of(size_t i) const { return weights.data() + i * static_cast<size_t>(taps); }
  const uint32_t* words_of(size_t i) const { return words.data() + i * static_cast<size_t>(taps); }
  void pack();  // fills in words
  // And for instructions that put bytes of a whole register in any order, of a row of RGB: the three channels of five
  // coordinates side by side, each a lane of 32 bits. Lanes that stand for nothing weigh nothing.
  static constexpr size_t kGroup = 5;
  struct Group {
    static constexpr size_t kLanes = 16, kWindow = 64;
    int first;                  // the least of its coordinates; what its first two taps need lies within a window
    uint8_t bytes[4 * kLanes];  // of each lane, where in the window its two bytes are: bytes 0 and 2
  };
  std::vector<Group> groups;
  std::vector<uint32_t> group_words;  // of each group and each two taps the high parts of its lanes, then the low ones
  bool groups_fit = false;            // else a window is too short for one of the groups
  void group();                       // fills them in, from words
};

// Bytes that may be read past the last byte that has a weight, and, less than so many, past a row that is written.
constexpr size_t kReadPast = 64, kBlock = 64;
// Bytes that `horizontal` may write past a row.
constexpr size_t kWritePast = 16;

// What is read past a row by `horizontal`, of one that ends where the source ends.
inline size_t read_past(const Taps& taps) { return kReadPast + 3 * static_cast<size_t>(taps.taps); }

struct Kernels {
  const char* name;
  // Four rows of RGB, `width` pixels each into outs[r], which may be written kWritePast bytes further.
  void (*horizontal)(const uint8_t* const rows[4], uint8_t* const outs[4], int width, const Taps& taps);
  // Row y of the result, `bytes` bytes, from rows that are `stride` apart and may be read up to whole blocks.
  void (*vertical)(const uint8_t* rows, size_t stride, const Taps& taps, size_t y, uint8_t* out, size_t bytes);
};

// Those that this processor can run, the fastest first; the last one runs on all.
std::span<const Kernels> kernels();
Kernels avx2_kernels();  // where vectors.h has them
Kernels avx512_kernels();

}  // namespace selfsup::data::resampling
