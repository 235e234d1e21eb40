#include "data/edits/resample.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "data/edits/clones.h"

namespace selfsup::data {
namespace {

constexpr int kBlock = 64;  // bytes that the vertical pass treats at once

double bilinear_kernel(double x) {
  x = std::abs(x);
  return x < 1 ? 1 - x : 0;
}

double bicubic_kernel(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

// For each output coordinate the first input coordinate, the number of taps, and their weights.
struct Axis {
  std::vector<int> first, count;
  std::vector<int32_t> weights;  // `stride` a coordinate
  size_t stride = 0;
  int bits = 0;  // of the weights, after the point
  std::vector<double> exact;

  const int32_t* weights_of(int i) const { return weights.data() + static_cast<size_t>(i) * stride; }
  void prepare(int in_size, int out_size, Interpolation interpolation, Arithmetic arithmetic);

 private:
  void choose_bits(Arithmetic arithmetic);
};

void Axis::prepare(int in_size, int out_size, Interpolation interpolation, Arithmetic arithmetic) {
  const bool cubic = interpolation == Interpolation::bicubic;
  const double scale = static_cast<double>(in_size) / out_size;
  const double filter_scale = std::max(scale, 1.0);
  const double support = (cubic ? 2.0 : 1.0) * filter_scale;
  const double inverse = 1.0 / filter_scale;
  stride = static_cast<size_t>(std::ceil(support)) * 2 + 1;
  first.resize(static_cast<size_t>(out_size));
  count.resize(static_cast<size_t>(out_size));
  weights.resize(static_cast<size_t>(out_size) * stride);
  exact.resize(static_cast<size_t>(out_size) * stride);
  for (int i = 0; i < out_size; ++i) {
    const double center = (i + 0.5) * scale;
    const int begin = std::max(static_cast<int>(center - support + 0.5), 0);
    const int taps = std::min(static_cast<int>(center + support + 0.5), in_size) - begin;
    double sum = 0;
    double* value = exact.data() + static_cast<size_t>(i) * stride;
    for (int t = 0; t < taps; ++t) {
      const double x = (t + begin - center + 0.5) * inverse;
      value[t] = cubic ? bicubic_kernel(x) : bilinear_kernel(x);
      sum += value[t];
    }
    for (int t = 0; t < taps && sum != 0; ++t) value[t] /= sum;
    first[static_cast<size_t>(i)] = begin;
    count[static_cast<size_t>(i)] = taps;
  }
  choose_bits(arithmetic);
  for (int i = 0; i < out_size; ++i) {
    const double* value = exact.data() + static_cast<size_t>(i) * stride;
    int32_t* w = weights.data() + static_cast<size_t>(i) * stride;
    int& taps = count[static_cast<size_t>(i)];
    for (int t = 0; t < taps; ++t) w[t] = static_cast<int32_t>(value[t] * (1 << bits) + (value[t] < 0 ? -0.5 : 0.5));
    while (taps > 1 && w[taps - 1] == 0) --taps;
  }
}

void Axis::choose_bits(Arithmetic arithmetic) {
  bits = 22;
  if (arithmetic == Arithmetic::pillow) return;
  double largest = 0;
  for (size_t i = 0; i < count.size(); ++i)
    for (int t = 0; t < count[i]; ++t) largest = std::max(largest, exact[i * stride + static_cast<size_t>(t)]);
  for (bits = 0; bits < 22 && 0.5 + largest * (1 << (bits + 1)) < (1 << 15);) ++bits;
}

uint8_t clip8(int32_t sum, int bits) { return static_cast<uint8_t>(std::clamp(sum >> bits, 0, 255)); }

using Lanes = int32_t __attribute__((vector_size(64)));
using Bytes = uint8_t __attribute__((vector_size(16)));
using Halves = uint16_t __attribute__((vector_size(32)));
using Words = uint32_t __attribute__((vector_size(16)));

// Four rows of RGB at once: lane 4 r + c holds channel c of row r, the fourth lane of each row is discarded. Reads and
// writes one byte past the last pixel of a row.
SELFSUP_CLONES void horizontal_rgb(const uint8_t* const rows[4], uint8_t* const outs[4], int width, const int* first,
                                   const int* count, const int32_t* weights, size_t stride, int bits) {
  const int32_t half = 1 << (bits - 1);
  for (int x = 0; x < width; ++x, weights += stride) {
    Lanes sum = Lanes{} + half;
    size_t at = static_cast<size_t>(first[x]) * 3;
    for (int t = 0; t < count[x]; ++t, at += 3) {
      // Built in a register: four small stores and a wide load would wait for each other.
      uint32_t a, b, c, d;
      std::memcpy(&a, rows[0] + at, 4);
      std::memcpy(&b, rows[1] + at, 4);
      std::memcpy(&c, rows[2] + at, 4);
      std::memcpy(&d, rows[3] + at, 4);
      const Words words{a, b, c, d};
      const Halves halves = __builtin_convertvector(reinterpret_cast<const Bytes&>(words), Halves);
      sum += __builtin_convertvector(halves, Lanes) * weights[t];
    }
    sum >>= bits;
    sum = sum < 0 ? Lanes{} : sum;
    sum = sum > 255 ? Lanes{} + 255 : sum;
    const Bytes bytes = __builtin_convertvector(sum, Bytes);
    uint32_t pixels[4];
    std::memcpy(pixels, &bytes, sizeof(bytes));
    for (int r = 0; r < 4; ++r) std::memcpy(outs[r] + static_cast<size_t>(x) * 3, &pixels[r], 4);
  }
}

void horizontal_grey(const uint8_t* row, uint8_t* out, int width, const Axis& axis) {
  for (int x = 0; x < width; ++x) {
    const int32_t* w = axis.weights_of(x);
    const uint8_t* p = row + axis.first[static_cast<size_t>(x)];
    int32_t sum = 1 << (axis.bits - 1);
    for (int t = 0; t < axis.count[static_cast<size_t>(x)]; ++t) sum += w[t] * p[t];
    out[x] = clip8(sum, axis.bits);
  }
}

// One output row of `bytes` bytes out of `taps` input rows, which are padded to whole blocks.
SELFSUP_CLONES void vertical(const uint8_t* rows, size_t row_stride, const int32_t* weights, int taps, uint8_t* out,
                             size_t bytes, int bits) {
  const int32_t half = 1 << (bits - 1);
  for (size_t x = 0; x < bytes; x += kBlock) {
    int32_t sums[kBlock];
    for (int i = 0; i < kBlock; ++i) sums[i] = half;
    for (int t = 0; t < taps; ++t) {
      const uint8_t* p = rows + static_cast<size_t>(t) * row_stride + x;
      const int32_t w = weights[t];
      for (int i = 0; i < kBlock; ++i) sums[i] += w * p[i];
    }
    uint8_t block[kBlock];
    for (int i = 0; i < kBlock; ++i) {
      const int32_t value = sums[i] >> bits;
      block[i] = static_cast<uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
    }
    std::memcpy(out + x, block, std::min<size_t>(kBlock, bytes - x));
  }
}

// What a thread keeps between calls: one Resampler is in use at a time.
struct Scratch {
  Axis horizontal, vertical;
  std::vector<uint8_t> rows;         // the box after the horizontal pass, rows padded to whole blocks and one more
  size_t stride = 0;                 // of rows
  std::vector<uint8_t> last, spare;  // a copy of the image's last row with a byte to spare; a row that nobody wants
  std::vector<int> columns, lines;   // nearest pixels, within the box

  uint8_t* row(int y) { return rows.data() + static_cast<size_t>(y) * stride; }
};

Scratch& scratch() {
  thread_local Scratch it;
  return it;
}

void horizontal_pass_rgb(const Image& in, Box box, int width, Scratch& s) {
  const size_t left = static_cast<size_t>(box.left) * 3;
  s.spare.resize(s.stride);
  for (int y = 0; y < box.height; y += 4) {
    const uint8_t* rows[4];
    uint8_t* outs[4];
    for (int r = 0; r < 4; ++r) {
      const int at = std::min(y + r, box.height - 1);
      rows[r] = in.row(box.top + at) + left;
      outs[r] = y + r < box.height ? s.row(at) : s.spare.data();
      if (box.top + at == in.height - 1) {  // the byte past the end may not be ours
        const size_t bytes = static_cast<size_t>(box.width) * 3;
        s.last.resize(bytes + 1);
        std::memcpy(s.last.data(), rows[r], bytes);
        rows[r] = s.last.data();
      }
    }
    const Axis& axis = s.horizontal;
    horizontal_rgb(rows, outs, width, axis.first.data(), axis.count.data(), axis.weights.data(), axis.stride,
                   axis.bits);
  }
}

void horizontal_pass(const Image& in, Box box, int width, Interpolation interpolation, Arithmetic arithmetic,
                     Scratch& s) {
  const size_t channels = static_cast<size_t>(in.channels), left = static_cast<size_t>(box.left) * channels;
  if (width == box.width) {
    for (int y = 0; y < box.height; ++y)
      std::memcpy(s.row(y), in.row(box.top + y) + left, static_cast<size_t>(width) * channels);
    return;
  }
  s.horizontal.prepare(box.width, width, interpolation, arithmetic);
  if (in.channels == 3) return horizontal_pass_rgb(in, box, width, s);
  for (int y = 0; y < box.height; ++y) horizontal_grey(in.row(box.top + y) + left, s.row(y), width, s.horizontal);
}

// torchvision takes the pixel at the corner, not at the centre. Pillow adds up the scale; that its sum is not a product
// shows in some sizes.
void find_nearest(std::vector<int>& at, int in_size, int out_size, Arithmetic arithmetic) {
  at.resize(static_cast<size_t>(out_size));
  if (arithmetic == Arithmetic::torchvision) {
    const float scale = static_cast<float>(in_size) / static_cast<float>(out_size);
    for (int i = 0; i < out_size; ++i)
      at[static_cast<size_t>(i)] = std::min(static_cast<int>(static_cast<float>(i) * scale), in_size - 1);
    return;
  }
  const double scale = static_cast<double>(in_size) / out_size;
  double from = scale * 0.5;
  for (int i = 0; i < out_size; ++i, from += scale)
    at[static_cast<size_t>(i)] = std::min(static_cast<int>(from), in_size - 1);
}

}  // namespace

Resampler::Resampler(const Image& in, Box box, int height, int width, Interpolation interpolation,
                     Arithmetic arithmetic)
    : in_(in), box_(box), height_(height), width_(width), way_(Way::passes) {
  Scratch& s = scratch();
  if (height == box.height && width == box.width) {
    way_ = Way::copy;
  } else if (interpolation == Interpolation::nearest) {
    way_ = Way::nearest;
    find_nearest(s.columns, box.width, width, arithmetic);
    find_nearest(s.lines, box.height, height, arithmetic);
  } else {
    const size_t bytes = static_cast<size_t>(width) * static_cast<size_t>(in.channels);
    s.stride = (bytes / kBlock + 2) * kBlock;  // a whole block at least past the end
    s.rows.resize(static_cast<size_t>(box.height) * s.stride);
    horizontal_pass(in, box, width, interpolation, arithmetic, s);
    if (height != box.height) s.vertical.prepare(box.height, height, interpolation, arithmetic);
  }
}

void Resampler::row(int y, uint8_t* out) const {
  const size_t channels = static_cast<size_t>(in_.channels), bytes = static_cast<size_t>(width_) * channels;
  const size_t left = static_cast<size_t>(box_.left) * channels;
  Scratch& s = scratch();
  if (way_ == Way::copy) {
    std::memcpy(out, in_.row(box_.top + y) + left, bytes);
  } else if (way_ == Way::nearest) {
    const uint8_t* row = in_.row(box_.top + s.lines[static_cast<size_t>(y)]) + left;
    for (size_t x = 0; x < static_cast<size_t>(width_); ++x)
      std::memcpy(out + x * channels, row + static_cast<size_t>(s.columns[x]) * channels, channels);
  } else if (height_ == box_.height) {
    std::memcpy(out, s.row(y), bytes);
  } else {
    const Axis& axis = s.vertical;
    const size_t at = static_cast<size_t>(y);
    vertical(s.row(axis.first[at]), s.stride, axis.weights_of(y), axis.count[at], out, bytes, axis.bits);
  }
}

}  // namespace selfsup::data
