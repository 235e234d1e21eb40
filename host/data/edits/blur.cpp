#include "data/edits/blur.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "data/edits/blur_kernels.h"

namespace selfsup::data {
namespace {

using blurring::kBlock;
using blurring::Window;

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

// Beyond this a sum that goes along is quicker than one made anew; up to it a sum of pixels has 15 bits.
constexpr int kMostRadius = 31;

const blurring::Kernels& kernels() { return blurring::kernels().front(); }

// A line of `count` values that stand `step` apart, with a sum that goes along.
void box_line(const uint8_t* in, std::ptrdiff_t step, int count, const Window& box, uint8_t* out) {
  const auto at = [&](int i) { return in[std::clamp(i, 0, count - 1) * step]; };
  uint32_t sum = 0;
  for (int i = -box.radius; i <= box.radius; ++i) sum += at(i);
  for (int i = 0; i < count; ++i) {
    const uint32_t left = at(i - box.radius - 1), right = at(i + box.radius + 1);
    out[i * step] = blurring::weighted(sum, left + right, box);
    sum += right - at(i - box.radius);
  }
}

// What a thread keeps between calls.
struct Scratch {
  std::vector<uint8_t> rows[2];  // with margins
  std::vector<uint8_t> images[2];
  size_t stride = 0;  // of the images: whole blocks
  std::vector<const uint8_t*> taps;
};

void extend(uint8_t* row, size_t bytes, size_t channels, int by) {
  for (int i = 1; i <= by; ++i) {
    const std::ptrdiff_t offset = i * static_cast<std::ptrdiff_t>(channels);
    std::memcpy(row - offset, row, channels);
    std::memcpy(row + bytes - channels + offset, row + bytes - channels, channels);
  }
}

constexpr int kPasses = 3;

void blur_rows(const Image& in, const Window& box, Scratch& s) {
  const size_t channels = static_cast<size_t>(in.channels), bytes = in.row_bytes();
  const size_t margin = static_cast<size_t>(box.radius + 1) * channels;
  for (std::vector<uint8_t>& row : s.rows) row.resize(bytes + 2 * margin + kBlock);
  for (int y = 0; y < in.height; ++y) {
    std::memcpy(s.rows[0].data() + margin, in.row(y), bytes);
    for (int pass = 0; pass < kPasses; ++pass) {
      uint8_t *from = s.rows[pass % 2].data(), *to = s.rows[1 - pass % 2].data() + margin;
      if (pass == kPasses - 1) to = s.images[0].data() + static_cast<size_t>(y) * s.stride;
      extend(from + margin, bytes, channels, box.radius + 1);
      for (size_t k = 0; k < s.taps.size(); ++k) s.taps[k] = from + k * channels;
      kernels().box(s.taps.data(), box, to, bytes);
    }
  }
}

void blur_columns(const Window& box, Scratch& s, const Canvas& out) {
  for (int pass = 0; pass < kPasses; ++pass) {
    const uint8_t* from = s.images[pass % 2].data();
    uint8_t* to = s.images[1 - pass % 2].data();
    for (int y = 0; y < out.height; ++y) {
      for (size_t k = 0; k < s.taps.size(); ++k) {
        const int row = std::clamp(y + static_cast<int>(k) - box.radius - 1, 0, out.height - 1);
        s.taps[k] = from + static_cast<size_t>(row) * s.stride;
      }
      kernels().box(s.taps.data(), box, pass == kPasses - 1 ? out.row(y) : to + static_cast<size_t>(y) * s.stride,
                    out.row_bytes());
    }
  }
}

// Of a box that is wide, at a cost that does not grow with it.
void blur_widely(const Window& box, const Canvas& image) {
  std::vector<uint8_t> memory(image.row_bytes() * static_cast<size_t>(image.height));
  const Canvas other{image.height, image.width, image.channels, memory.data()};
  const Canvas *from = &image, *to = &other;
  const auto pass = [&](bool along_rows) {
    const int lines = along_rows ? image.height : static_cast<int>(image.row_bytes());
    for (int i = 0; i < lines; ++i) {
      if (along_rows) {
        for (int c = 0; c < image.channels; ++c)
          box_line(from->row(i) + c, image.channels, image.width, box, to->row(i) + c);
      } else {
        box_line(from->row(0) + i, static_cast<std::ptrdiff_t>(image.row_bytes()), image.height, box, to->row(0) + i);
      }
    }
    std::swap(from, to);
  };
  for (int i = 0; i < 2 * kPasses; ++i) pass(i < kPasses);  // an even number: the last one leaves it in `image`
}

}  // namespace

void blur(const Image& in, double sigma, const Canvas& out) {
  thread_local Scratch s;
  const Window box = box_of(sigma, kPasses);
  if (box.radius > kMostRadius) {
    std::copy(in.pixels.begin(), in.pixels.end(), out.pixels);
    return blur_widely(box, out);
  }
  s.stride = (in.row_bytes() + kBlock - 1) / kBlock * kBlock;
  for (std::vector<uint8_t>& image : s.images) image.resize(s.stride * static_cast<size_t>(in.height));
  s.taps.resize(static_cast<size_t>(2 * box.radius + 3));
  blur_rows(in, box, s);
  blur_columns(box, s, out);
}

void blur_torchvision(const Image& in, double sigma, int size, const Canvas& out) {
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
