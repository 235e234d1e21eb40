#include "data/edits/blur.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "data/edits/vectors.h"

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

constexpr size_t kBlock = 32;  // bytes that a loop treats at once
// Beyond this a sum that goes along is quicker than one made anew; up to it a sum of pixels has 15 bits.
constexpr int kMostRadius = 31;

uint8_t weighted(uint32_t sum, uint32_t ends, Window box) {
  return static_cast<uint8_t>((sum * box.whole + ends * box.part + (1u << 23)) >> 24);
}

// Of each byte the box around it: taps[k] holds what stands k - radius - 1 places from it, all of whole blocks.
using Box1d = void (*)(const uint8_t* const* taps, Window box, uint8_t* out, size_t bytes);

void box_portable(const uint8_t* const* taps, Window box, uint8_t* out, size_t bytes) {
  const int last = 2 * box.radius + 2;
  for (size_t at = 0; at < bytes; at += kBlock) {
    uint32_t sums[kBlock] = {};
    uint8_t block[kBlock];  // the compiler knows that no tap lies in it
    for (int k = 1; k < last; ++k) {
      const uint8_t* tap = taps[k] + at;
      for (size_t i = 0; i < kBlock; ++i) sums[i] += tap[i];
    }
    const uint8_t *left = taps[0] + at, *right = taps[last] + at;
    for (size_t i = 0; i < kBlock; ++i) block[i] = weighted(sums[i], static_cast<uint32_t>(left[i]) + right[i], box);
    std::memcpy(out + at, block, std::min(kBlock, bytes - at));
  }
}

#if defined(__x86_64__)
// The sum and the two ends in 16 bits each, multiplied by their weights' upper and lower 12 bits and added by one
// instruction each.
SELFSUP_AVX2 void box_avx2(const uint8_t* const* taps, Window box, uint8_t* out, size_t bytes) {
  const auto pair = [](uint32_t whole, uint32_t part) { return static_cast<int>(part << 16 | whole); };
  const __m256i high = _mm256_set1_epi32(pair(box.whole >> 12, box.part >> 12));
  const __m256i low = _mm256_set1_epi32(pair(box.whole & 4095, box.part & 4095));
  const __m256i half = _mm256_set1_epi32(1 << 23), zero = _mm256_setzero_si256(), ones = _mm256_set1_epi8(1);
  const int last = 2 * box.radius + 2;
  for (size_t at = 0; at < bytes; at += kBlock) {
    const auto tap = [&](int k)
                         SELFSUP_AVX2 { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(taps[k] + at)); };
    const __m256i first = tap(1), left = tap(0), right = tap(last);
    __m256i sums[2] = {_mm256_unpacklo_epi8(first, zero), _mm256_unpackhi_epi8(first, zero)};
    for (int k = 2; k < last; k += 2) {
      const __m256i a = tap(k), b = tap(k + 1);
      sums[0] = _mm256_add_epi16(sums[0], _mm256_maddubs_epi16(_mm256_unpacklo_epi8(a, b), ones));
      sums[1] = _mm256_add_epi16(sums[1], _mm256_maddubs_epi16(_mm256_unpackhi_epi8(a, b), ones));
    }
    const __m256i ends[2] = {_mm256_maddubs_epi16(_mm256_unpacklo_epi8(left, right), ones),
                             _mm256_maddubs_epi16(_mm256_unpackhi_epi8(left, right), ones)};
    const auto total = [&](__m256i both) SELFSUP_AVX2 {
      const __m256i upper = _mm256_slli_epi32(_mm256_madd_epi16(both, high), 12);
      return _mm256_srli_epi32(_mm256_add_epi32(upper, _mm256_add_epi32(_mm256_madd_epi16(both, low), half)), 24);
    };
    __m256i words[2];
    for (int h = 0; h < 2; ++h)
      words[h] = _mm256_packs_epi32(total(_mm256_unpacklo_epi16(sums[h], ends[h])),
                                    total(_mm256_unpackhi_epi16(sums[h], ends[h])));
    const __m256i block = _mm256_packus_epi16(words[0], words[1]);
    if (bytes - at >= kBlock) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + at), block);
    } else {
      uint8_t rest[kBlock];
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(rest), block);
      std::memcpy(out + at, rest, bytes - at);
    }
  }
}
#endif

Box1d find_box() {
#if defined(__x86_64__)
  if (has_avx2()) return box_avx2;
#endif
  return box_portable;
}

// A line of `count` values that stand `step` apart, with a sum that goes along.
void box_line(const uint8_t* in, std::ptrdiff_t step, int count, Window box, uint8_t* out) {
  const auto at = [&](int i) { return in[std::clamp(i, 0, count - 1) * step]; };
  uint32_t sum = 0;
  for (int i = -box.radius; i <= box.radius; ++i) sum += at(i);
  for (int i = 0; i < count; ++i) {
    const uint32_t left = at(i - box.radius - 1), right = at(i + box.radius + 1);
    out[i * step] = weighted(sum, left + right, box);
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

void blur_rows(const Image& in, Window box, Box1d box_of_rows, Scratch& s) {
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
      box_of_rows(s.taps.data(), box, to, bytes);
    }
  }
}

void blur_columns(Window box, Box1d box_of_rows, Scratch& s, Image& out) {
  for (int pass = 0; pass < kPasses; ++pass) {
    const uint8_t* from = s.images[pass % 2].data();
    uint8_t* to = s.images[1 - pass % 2].data();
    for (int y = 0; y < out.height; ++y) {
      for (size_t k = 0; k < s.taps.size(); ++k) {
        const int row = std::clamp(y + static_cast<int>(k) - box.radius - 1, 0, out.height - 1);
        s.taps[k] = from + static_cast<size_t>(row) * s.stride;
      }
      box_of_rows(s.taps.data(), box, pass == kPasses - 1 ? out.row(y) : to + static_cast<size_t>(y) * s.stride,
                  out.row_bytes());
    }
  }
}

// Of a box that is wide, at a cost that does not grow with it.
void blur_widely(Window box, Image& image) {
  Image other = image;
  Image *from = &image, *to = &other;
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

void blur(const Image& in, double sigma, Image& out) {
  static const Box1d box_of_rows = find_box();
  thread_local Scratch s;
  const Window box = box_of(sigma, kPasses);
  if (box.radius > kMostRadius) {
    out = in;
    return blur_widely(box, out);
  }
  out.reshape(in.height, in.width, in.channels);
  s.stride = (in.row_bytes() + kBlock - 1) / kBlock * kBlock;
  for (std::vector<uint8_t>& image : s.images) image.resize(s.stride * static_cast<size_t>(in.height));
  s.taps.resize(static_cast<size_t>(2 * box.radius + 3));
  blur_rows(in, box, box_of_rows, s);
  blur_columns(box, box_of_rows, s, out);
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
