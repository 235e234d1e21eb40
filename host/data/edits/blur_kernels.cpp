#include "data/edits/blur_kernels.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "data/edits/vectors.h"

namespace selfsup::data::blurring {
namespace {

void box_portable(const uint8_t* const* taps, const Window& box, uint8_t* out, size_t bytes) {
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
SELFSUP_AVX2 void box_avx2(const uint8_t* const* taps, const Window& box, uint8_t* out, size_t bytes) {
  const auto pair = [](uint32_t whole, uint32_t part) { return static_cast<int>(part << 16 | whole); };
  const __m256i high = _mm256_set1_epi32(pair(box.whole >> 12, box.part >> 12));
  const __m256i low = _mm256_set1_epi32(pair(box.whole & 4095, box.part & 4095));
  const __m256i half = _mm256_set1_epi32(1 << 23), zero = _mm256_setzero_si256(), ones = _mm256_set1_epi8(1);
  const int last = 2 * box.radius + 2;
  constexpr size_t kStep = 32;
  for (size_t at = 0; at < bytes; at += kStep) {
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
    if (bytes - at >= kStep) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + at), block);
    } else {
      uint8_t rest[kStep];
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(rest), block);
      std::memcpy(out + at, rest, bytes - at);
    }
  }
}
constexpr std::array<uint8_t, 64> uppermost_bytes() {
  std::array<uint8_t, 64> places{};
  for (size_t i = 0; i < places.size(); ++i) {
    const size_t sum = i % 8, lane = i / 16;
    places[i] = static_cast<uint8_t>(sum / 4 * 64 + lane * 16 + sum % 4 * 4 + 3);
  }
  return places;
}
constexpr std::array<uint8_t, 64> kUppermost = uppermost_bytes();

// The same, the upper bits moved up before the lower ones are added. Of each sum the uppermost byte is the result.
SELFSUP_AVX512 void box_avx512(const uint8_t* const* taps, const Window& box, uint8_t* out, size_t bytes) {
  const auto pair = [](uint32_t whole, uint32_t part) { return static_cast<int>(part << 16 | whole); };
  const __m512i high = _mm512_set1_epi32(pair(box.whole >> 12, box.part >> 12));
  const __m512i low = _mm512_set1_epi32(pair(box.whole & 4095, box.part & 4095));
  const __m512i half = _mm512_set1_epi32(1 << 11), zero = _mm512_setzero_si512(), ones = _mm512_set1_epi8(1);
  // Byte 3 of each of the eight sums that came out of 16 bytes, twice.
  const __m512i places = _mm512_loadu_si512(kUppermost.data());
  const int last = 2 * box.radius + 2;
  for (size_t at = 0; at < bytes; at += kBlock) {
    const auto tap = [&](int k) SELFSUP_AVX512 { return _mm512_loadu_si512(taps[k] + at); };
    const __m512i first = tap(1), left = tap(0), right = tap(last);
    __m512i sums[2] = {_mm512_unpacklo_epi8(first, zero), _mm512_unpackhi_epi8(first, zero)};
    for (int k = 2; k < last; k += 2) {
      const __m512i a = tap(k), b = tap(k + 1);
      sums[0] = _mm512_add_epi16(sums[0], _mm512_maddubs_epi16(_mm512_unpacklo_epi8(a, b), ones));
      sums[1] = _mm512_add_epi16(sums[1], _mm512_maddubs_epi16(_mm512_unpackhi_epi8(a, b), ones));
    }
    const __m512i ends[2] = {_mm512_maddubs_epi16(_mm512_unpacklo_epi8(left, right), ones),
                             _mm512_maddubs_epi16(_mm512_unpackhi_epi8(left, right), ones)};
    const auto total = [&](__m512i both) SELFSUP_AVX512 {
      const __m512i upper = _mm512_slli_epi32(_mm512_dpwssd_epi32(half, both, high), 12);
      return _mm512_dpwssd_epi32(upper, both, low);
    };
    const auto uppermost = [&](int h) SELFSUP_AVX512 {
      return _mm512_permutex2var_epi8(total(_mm512_unpacklo_epi16(sums[h], ends[h])), places,
                                      total(_mm512_unpackhi_epi16(sums[h], ends[h])));
    };
    const __m512i block = _mm512_mask_blend_epi8(0xff00ff00ff00ff00, uppermost(0), uppermost(1));
    const size_t count = std::min(kBlock, bytes - at);
    _mm512_mask_storeu_epi8(out + at, ~uint64_t{0} >> (kBlock - count), block);
  }
}
#endif

std::vector<Kernels> find_kernels() {
  std::vector<Kernels> found;
#if defined(__x86_64__)
  if (has_newer_avx512()) found.push_back({"AVX-512", box_avx512});
  if (has_avx2()) found.push_back({"AVX2", box_avx2});
#endif
  found.push_back({"portable", box_portable});
  return found;
}

}  // namespace

std::span<const Kernels> kernels() {
  static const std::vector<Kernels> found = find_kernels();
  return found;
}

}  // namespace selfsup::data::blurring
