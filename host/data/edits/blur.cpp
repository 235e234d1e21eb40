#include "data/edits/blur.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "data/edits/clones.h"

namespace selfsup::data {
namespace {

// A box of 2 radius + 1 whole pixels and a part of the next one at both ends, in 24 bits after the point.
struct Window {
  int radius;
  uint32_t whole, part;
};

// Single and double precision mixed as in Pillow's C, on which the last bit of the weights depends.
Window box_of(double sigma, int passes) {
  const float s = static_cast<float>(sigma), variance = s * s / static_cast<float>(passes);
  const float length = static_cast<float>(std::sqrt(12.0 * static_cast<double>(variance) + 1.0));
  const float whole = static_cast<float>(std::floor((static_cast<double>(length) - 1.0) / 2.0));
  float part = (2 * whole + 1) * (whole * (whole + 1) - 3 * variance);
  part /= 6 * (variance - (whole + 1) * (whole + 1));
  const float radius = whole + part;
  Window box;
  box.radius = static_cast<int>(radius);
  box.whole = static_cast<uint32_t>(static_cast<float>(1 << 24) / (radius * 2 + 1));
  box.part = ((1u << 24) - static_cast<uint32_t>(box.radius * 2 + 1) * box.whole) / 2;
  return box;
}

constexpr size_t kBlock = 64;  // bytes that a loop treats at once

// One row; `in` has radius + 1 more pixels on both sides, and both rows end with whole blocks.
SELFSUP_CLONES void blur_row(const uint8_t* in, uint8_t* out, size_t bytes, size_t channels, Window box) {
  const std::ptrdiff_t step = static_cast<std::ptrdiff_t>(channels), reach = box.radius * step;
  for (size_t at = 0; at < bytes; at += kBlock) {
    const uint8_t* p = in + at;
    uint32_t sums[kBlock];
    for (size_t i = 0; i < kBlock; ++i) sums[i] = p[i];
    for (std::ptrdiff_t d = step; d <= reach; d += step) {
      const uint8_t *left = p - d, *right = p + d;
      for (size_t i = 0; i < kBlock; ++i) sums[i] += static_cast<uint32_t>(left[i]) + right[i];
    }
    const uint8_t *left = p - reach - step, *right = p + reach + step;
    for (size_t i = 0; i < kBlock; ++i) {
      const uint32_t ends = static_cast<uint32_t>(left[i]) + right[i];
      out[at + i] = static_cast<uint8_t>((sums[i] * box.whole + ends * box.part + (1u << 23)) >> 24);
    }
  }
}

// A row below another one: sums[i] goes from the pixels around the row before to those around this row.
SELFSUP_CLONES void blur_column_step(uint32_t* sums, const uint8_t* leaves, const uint8_t* enters, const uint8_t* below,
                                     uint8_t* out, size_t bytes, Window box) {
  for (size_t i = 0; i < bytes; ++i) {
    sums[i] += static_cast<uint32_t>(enters[i]) - leaves[i];
    const uint32_t ends = static_cast<uint32_t>(leaves[i]) + below[i];
    out[i] = static_cast<uint8_t>((sums[i] * box.whole + ends * box.part + (1u << 23)) >> 24);
  }
}

void extend(uint8_t* row, size_t bytes, size_t channels, int by) {
  for (int i = 1; i <= by; ++i) {
    const std::ptrdiff_t offset = i * static_cast<std::ptrdiff_t>(channels);
    std::memcpy(row - offset, row, channels);
    std::memcpy(row + bytes - channels + offset, row + bytes - channels, channels);
  }
}

void blur_rows(const Image& in, Window box, int passes, Image& out) {
  const size_t channels = static_cast<size_t>(in.channels), bytes = in.row_bytes();
  const size_t margin = static_cast<size_t>(box.radius + 1) * channels;
  std::vector<uint8_t> from(bytes + 2 * margin + kBlock), to(from.size());
  for (int y = 0; y < in.height; ++y) {
    std::memcpy(from.data() + margin, in.row(y), bytes);
    for (int pass = 0; pass < passes; ++pass) {
      extend(from.data() + margin, bytes, channels, box.radius + 1);
      blur_row(from.data() + margin, to.data() + margin, bytes, channels, box);
      std::swap(from, to);
    }
    std::memcpy(out.row(y), from.data() + margin, bytes);
  }
}

void blur_columns(const Image& in, Window box, Image& out) {
  const size_t bytes = in.row_bytes();
  const auto row = [&](int y) { return in.row(std::clamp(y, 0, in.height - 1)); };
  std::vector<uint32_t> sums(bytes);
  for (int y = -box.radius - 1; y < box.radius; ++y)
    for (size_t i = 0; i < bytes; ++i) sums[i] += row(y)[i];
  for (int y = 0; y < in.height; ++y)
    blur_column_step(sums.data(), row(y - box.radius - 1), row(y + box.radius), row(y + box.radius + 1), out.row(y),
                     bytes, box);
}

}  // namespace

void blur(const Image& in, double sigma, Image& out) {
  constexpr int kPasses = 3;
  const Window box = box_of(sigma, kPasses);
  thread_local Image other;
  out.reshape(in.height, in.width, in.channels);
  other.reshape(in.height, in.width, in.channels);
  blur_rows(in, box, kPasses, other);
  blur_columns(other, box, out);
  blur_columns(out, box, other);
  blur_columns(other, box, out);
}

void blur_torchvision(const Image& in, double sigma, int size, Image& out) {
  std::vector<float> kernel(static_cast<size_t>(size));
  float total = 0;
  for (int i = 0; i < size; ++i) {
    const float x = static_cast<float>((i - size / 2) / std::sqrt(2.0)) / static_cast<float>(sigma);
    kernel[static_cast<size_t>(i)] = std::exp(-(x * x));
    total += kernel[static_cast<size_t>(i)];
  }
  for (float& weight : kernel) weight /= total;
  const auto mirrored = [](int at, int side) { return at < 0 ? -at : at >= side ? 2 * side - 2 - at : at; };
  const size_t channels = static_cast<size_t>(in.channels);
  std::vector<float> columns(in.row_bytes());
  out.reshape(in.height, in.width, in.channels);
  for (int y = 0; y < in.height; ++y) {
    std::fill(columns.begin(), columns.end(), 0.0f);
    for (int k = 0; k < size; ++k) {
      const uint8_t* row = in.row(mirrored(y + k - size / 2, in.height));
      for (size_t i = 0; i < columns.size(); ++i)
        columns[i] += kernel[static_cast<size_t>(k)] * static_cast<float>(row[i]);
    }
    for (int x = 0; x < in.width; ++x)
      for (size_t c = 0; c < channels; ++c) {
        float sum = 0;
        for (int k = 0; k < size; ++k)
          sum += kernel[static_cast<size_t>(k)] *
                 columns[static_cast<size_t>(mirrored(x + k - size / 2, in.width)) * channels + c];
        out.row(y)[static_cast<size_t>(x) * channels + c] = static_cast<uint8_t>(std::nearbyint(sum));
      }
  }
}

}  // namespace selfsup::data
