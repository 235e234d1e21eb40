#include "data/edits/resample_kernels.h"

#include <algorithm>
#include <cstring>

#include "data/edits/vectors.h"

namespace selfsup::data::resampling {

void Taps::pack() {
  words.resize(weights.size());
  for (size_t i = 0; i < weights.size(); i += 2) {
    const int32_t a = weights[i], b = weights[i + 1];
    const auto high = [](int32_t w) { return static_cast<uint32_t>(w >> kLowBits) & 0xffff; };
    const auto low = [](int32_t w) { return static_cast<uint32_t>(w) & ((1u << kLowBits) - 1); };
    words[i] = high(a) | high(b) << 16;
    words[i + 1] = low(a) | low(b) << 16;
  }
}

// A group reads from the least of its coordinates on: in a mirrored axis that is the last one.
void Taps::group() {
  const size_t pairs = static_cast<size_t>(taps) / 2, count = (first.size() + kGroup - 1) / kGroup;
  groups.assign(count, {});
  group_words.assign(count * pairs * 2 * Group::kLanes, 0);
  groups_fit = true;
  for (size_t g = 0; g < count; ++g) {
    const size_t begin = g * kGroup, end = std::min(begin + kGroup, first.size());
    Group& group = groups[g];
    group.first = *std::min_element(first.data() + begin, first.data() + end);
    uint32_t* to = group_words.data() + g * pairs * 2 * Group::kLanes;
    for (size_t i = begin, lane = 0; i < end; ++i)
      for (size_t channel = 0; channel < 3; ++channel, ++lane) {
        const size_t place = 3 * static_cast<size_t>(first[i] - group.first) + channel;
        groups_fit = groups_fit && place + 3 < Group::kWindow;
        group.bytes[4 * lane] = static_cast<uint8_t>(place),
                        group.bytes[4 * lane + 2] = static_cast<uint8_t>(place + 3);
        for (size_t k = 0; k < 2 * pairs; ++k) to[k * Group::kLanes + lane] = words_of(i)[k];
      }
  }
}

namespace {

uint8_t clip8(int32_t sum, int bits) { return static_cast<uint8_t>(std::clamp(sum >> bits, 0, 255)); }

namespace portable {

void horizontal(const uint8_t* const rows[4], uint8_t* const outs[4], int width, const Taps& taps) {
  for (size_t r = 0; r < 4; ++r) {
    uint8_t* out = outs[r];
    for (size_t x = 0; x < static_cast<size_t>(width); ++x, out += 3) {
      const int32_t* w = taps.weights_of(x);
      const uint8_t* p = rows[r] + static_cast<size_t>(taps.first[x]) * 3;
      int32_t red = 1 << (taps.bits - 1), green = red, blue = red;
      for (int t = 0; t < taps.taps; ++t, p += 3) {
        if (w[t] == 0) continue;  // it may stand for a pixel that is not there
        red += w[t] * p[0], green += w[t] * p[1], blue += w[t] * p[2];
      }
      out[0] = clip8(red, taps.bits), out[1] = clip8(green, taps.bits), out[2] = clip8(blue, taps.bits);
    }
  }
}

void vertical(const uint8_t* rows, size_t stride, const Taps& taps, size_t y, uint8_t* out, size_t bytes) {
  const int32_t* w = taps.weights_of(y);
  rows += static_cast<size_t>(taps.first[y]) * stride;
  for (size_t x = 0; x < bytes; x += kBlock) {
    int32_t sums[kBlock];
    for (size_t i = 0; i < kBlock; ++i) sums[i] = 1 << (taps.bits - 1);
    for (int t = 0; t < taps.taps; ++t) {
      const uint8_t* p = rows + static_cast<size_t>(t) * stride + x;
      for (size_t i = 0; i < kBlock; ++i) sums[i] += w[t] * p[i];
    }
    const size_t count = std::min(kBlock, bytes - x);
    for (size_t i = 0; i < count; ++i) out[x + i] = clip8(sums[i], taps.bits);
  }
}

}  // namespace portable

std::vector<Kernels> find_kernels() {
  std::vector<Kernels> found;
#if defined(__x86_64__)
  if (has_newer_avx512()) found.push_back(avx512_kernels());
  if (has_avx2()) found.push_back(avx2_kernels());
#endif
  found.push_back({"portable", portable::horizontal, portable::vertical});
  return found;
}

}  // namespace

std::span<const Kernels> kernels() {
  static const std::vector<Kernels> found = find_kernels();
  return found;
}

}  // namespace selfsup::data::resampling
