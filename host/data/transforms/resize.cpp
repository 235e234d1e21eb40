#include "data/transforms/resize.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace selfsup::data {
namespace {

// One function body compiled for several instruction sets, chosen at load time. Sanitizers instrument the choosing
// function, which runs before they are ready.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define SELFSUP_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define SELFSUP_CLONES
#endif

constexpr int kPrecision = 22;  // bits of the coefficients after the point
constexpr int32_t kHalf = 1 << (kPrecision - 1);
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
  std::vector<double> exact;

  const int32_t* weights_of(int i) const { return weights.data() + static_cast<size_t>(i) * stride; }
  void prepare(int in_size, int out_size, Interpolation interpolation);
};

void Axis::prepare(int in_size, int out_size, Interpolation interpolation) {
  const bool cubic = interpolation == Interpolation::bicubic;
  const double scale = static_cast<double>(in_size) / out_size;
  const double filter_scale = std::max(scale, 1.0);
  const double support = (cubic ? 2.0 : 1.0) * filter_scale;
  const double inverse = 1.0 / filter_scale;
  stride = static_cast<size_t>(std::ceil(support)) * 2 + 1;
  first.resize(static_cast<size_t>(out_size));
  count.resize(static_cast<size_t>(out_size));
  weights.resize(static_cast<size_t>(out_size) * stride);
  exact.resize(stride);
  for (int i = 0; i < out_size; ++i) {
    const double center = (i + 0.5) * scale;
    int begin = std::max(static_cast<int>(center - support + 0.5), 0);
    int taps = std::min(static_cast<int>(center + support + 0.5), in_size) - begin;
    double sum = 0;
    for (int t = 0; t < taps; ++t) {
      const double x = (t + begin - center + 0.5) * inverse;
      exact[static_cast<size_t>(t)] = cubic ? bicubic_kernel(x) : bilinear_kernel(x);
      sum += exact[static_cast<size_t>(t)];
    }
    int32_t* w = weights.data() + static_cast<size_t>(i) * stride;
    for (int t = 0; t < taps; ++t) {
      const double value = (sum != 0 ? exact[static_cast<size_t>(t)] / sum : exact[static_cast<size_t>(t)]);
      w[t] = static_cast<int32_t>(value * (1 << kPrecision) + (value < 0 ? -0.5 : 0.5));
    }
    while (taps > 1 && w[taps - 1] == 0) --taps;
    first[static_cast<size_t>(i)] = begin;
    count[static_cast<size_t>(i)] = taps;
  }
}

uint8_t clip8(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> kPrecision, 0, 255)); }

using Lanes = int32_t __attribute__((vector_size(64)));
using Bytes = uint8_t __attribute__((vector_size(16)));
using Halves = uint16_t __attribute__((vector_size(32)));
using Words = uint32_t __attribute__((vector_size(16)));

// Four rows of RGB at once: lane 4 r + c holds channel c of row r, the fourth lane of each row is discarded. Reads and
// writes one byte past the last pixel of a row.
SELFSUP_CLONES void horizontal_rgb(const uint8_t* const rows[4], uint8_t* const outs[4], int width, const int* first,
                                   const int* count, const int32_t* weights, size_t stride) {
  for (int x = 0; x < width; ++x, weights += stride) {
    Lanes sum = Lanes{} + kHalf;
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
    sum >>= kPrecision;
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
    int32_t sum = kHalf;
    for (int t = 0; t < axis.count[static_cast<size_t>(x)]; ++t) sum += w[t] * p[t];
    out[x] = clip8(sum);
  }
}

// One output row of `bytes` bytes out of `taps` input rows, which are padded to whole blocks.
SELFSUP_CLONES void vertical(const uint8_t* rows, size_t row_stride, const int32_t* weights, int taps, uint8_t* out,
                             size_t bytes) {
  for (size_t x = 0; x < bytes; x += kBlock) {
    int32_t sums[kBlock];
    for (int i = 0; i < kBlock; ++i) sums[i] = kHalf;
    for (int t = 0; t < taps; ++t) {
      const uint8_t* p = rows + static_cast<size_t>(t) * row_stride + x;
      const int32_t w = weights[t];
      for (int i = 0; i < kBlock; ++i) sums[i] += w * p[i];
    }
    uint8_t block[kBlock];
    for (int i = 0; i < kBlock; ++i) {
      const int32_t value = sums[i] >> kPrecision;
      block[i] = static_cast<uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
    }
    std::memcpy(out + x, block, std::min<size_t>(kBlock, bytes - x));
  }
}

// What a thread keeps between calls.
struct Scratch {
  Axis horizontal, vertical;
  std::vector<uint8_t> rows;         // the box after the horizontal pass, rows padded to whole blocks and one more
  std::vector<uint8_t> last, spare;  // a copy of the picture's last row with a byte to spare; a row that nobody wants
};

void horizontal_pass(const Image& in, Box box, int width, Interpolation interpolation, Scratch& scratch,
                     size_t stride) {
  const size_t left = static_cast<size_t>(box.left) * static_cast<size_t>(in.channels);
  const auto source = [&](int y) { return in.row(box.top + y) + left; };
  const auto target = [&](int y) { return scratch.rows.data() + static_cast<size_t>(y) * stride; };
  if (width == box.width) {
    for (int y = 0; y < box.height; ++y)
      std::memcpy(target(y), source(y), static_cast<size_t>(width) * static_cast<size_t>(in.channels));
    return;
  }
  scratch.horizontal.prepare(box.width, width, interpolation);
  if (in.channels == 1) {
    for (int y = 0; y < box.height; ++y) horizontal_grey(source(y), target(y), width, scratch.horizontal);
    return;
  }
  scratch.spare.resize(stride);
  for (int y = 0; y < box.height; y += 4) {
    const uint8_t* rows[4];
    uint8_t* outs[4];
    for (int r = 0; r < 4; ++r) {
      const int at = std::min(y + r, box.height - 1);
      rows[r] = source(at);
      outs[r] = y + r < box.height ? target(at) : scratch.spare.data();
      if (box.top + at == in.height - 1) {  // the byte past the end may not be ours
        const size_t bytes = static_cast<size_t>(box.width) * 3;
        scratch.last.resize(bytes + 1);
        std::memcpy(scratch.last.data(), rows[r], bytes);
        rows[r] = scratch.last.data();
      }
    }
    const Axis& axis = scratch.horizontal;
    horizontal_rgb(rows, outs, width, axis.first.data(), axis.count.data(), axis.weights.data(), axis.stride);
  }
}

void resize_nearest(const Image& in, Box box, Image& out) {
  const size_t channels = static_cast<size_t>(in.channels);
  for (int y = 0; y < out.height; ++y) {
    const uint8_t* row = in.row(box.top + static_cast<int>((y + 0.5) * box.height / out.height));
    uint8_t* target = out.row(y);
    for (int x = 0; x < out.width; ++x) {
      const int from = box.left + static_cast<int>((x + 0.5) * box.width / out.width);
      std::memcpy(target + static_cast<size_t>(x) * channels, row + static_cast<size_t>(from) * channels, channels);
    }
  }
}

}  // namespace

void crop(const Image& in, Box box, Image& out) {
  out.reshape(box.height, box.width, in.channels);
  const size_t left = static_cast<size_t>(box.left) * static_cast<size_t>(in.channels);
  for (int y = 0; y < box.height; ++y) std::memcpy(out.row(y), in.row(box.top + y) + left, out.row_bytes());
}

void resize(const Image& in, Box box, int height, int width, Interpolation interpolation, Image& out) {
  if (height == box.height && width == box.width) return crop(in, box, out);
  out.reshape(height, width, in.channels);
  if (interpolation == Interpolation::nearest) return resize_nearest(in, box, out);
  thread_local Scratch scratch;
  const size_t stride = (out.row_bytes() / kBlock + 2) * kBlock;  // a whole block at least past the end
  scratch.rows.resize(static_cast<size_t>(box.height) * stride);
  horizontal_pass(in, box, width, interpolation, scratch, stride);
  if (height == box.height) {
    for (int y = 0; y < height; ++y)
      std::memcpy(out.row(y), scratch.rows.data() + static_cast<size_t>(y) * stride, out.row_bytes());
    return;
  }
  Axis& axis = scratch.vertical;
  axis.prepare(box.height, height, interpolation);
  for (int y = 0; y < height; ++y) {
    const uint8_t* rows = scratch.rows.data() + static_cast<size_t>(axis.first[static_cast<size_t>(y)]) * stride;
    vertical(rows, stride, axis.weights_of(y), axis.count[static_cast<size_t>(y)], out.row(y), out.row_bytes());
  }
}

}  // namespace selfsup::data
