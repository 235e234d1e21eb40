// The passes of resample_kernels.h, two rows of an image or 32 bytes of a row at a time.
#include <cstring>

#include "data/edits/resample_kernels.h"
#include "data/edits/vectors.h"

#if defined(__x86_64__)
namespace selfsup::data::resampling {
namespace {

// In a horizontal pass each part of 16 bytes of a register holds a row: of two neighbouring pixels (red, red), (green,
// green), (blue, blue), nothing, in 16 bits each, which one instruction multiplies by the weights of the two and adds.
// In a vertical pass the two are of two rows. Weights have 23 bits and are multiplied in two parts.
constexpr int8_t kFirstTwo[16] = {0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1};
constexpr int8_t kNextTwo[16] = {6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1};

inline __m128i load16(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }

inline void store_pixel(uint8_t* out, int pixel) { std::memcpy(out, &pixel, sizeof pixel); }

struct Sums {
  __m256i high, low;
};

SELFSUP_AVX2 SELFSUP_INLINE void add(Sums& s, __m256i pixels, const uint32_t* words) {
  s.high = _mm256_add_epi32(s.high, _mm256_madd_epi16(pixels, _mm256_set1_epi32(static_cast<int>(words[0]))));
  s.low = _mm256_add_epi32(s.low, _mm256_madd_epi16(pixels, _mm256_set1_epi32(static_cast<int>(words[1]))));
}

SELFSUP_AVX2 SELFSUP_INLINE __m256i total(const Sums& s, __m128i bits) {
  return _mm256_sra_epi32(_mm256_add_epi32(_mm256_slli_epi32(s.high, Taps::kLowBits), s.low), bits);
}

SELFSUP_AVX2 SELFSUP_INLINE __m256i two_rows(const uint8_t* a, const uint8_t* b) {
  return _mm256_inserti128_si256(_mm256_castsi128_si256(load16(a)), load16(b), 1);
}

// Count: of taps, where it is known when this is compiled; else 0.
template <int Count>
SELFSUP_AVX2 SELFSUP_INLINE void horizontal_by(const uint8_t* const rows[4], uint8_t* const outs[4], int width,
                                               const Taps& taps) {
  const __m256i first_two = _mm256_broadcastsi128_si256(load16(kFirstTwo));
  const __m256i next_two = _mm256_broadcastsi128_si256(load16(kNextTwo));
  const __m128i bits = _mm_cvtsi32_si128(taps.bits);
  const __m256i half = _mm256_set1_epi32(1 << (taps.bits - 1));
  // Copies: for all that the compiler knows, the bytes that are written could be those of the pointers.
  const uint8_t *row0 = rows[0], *row1 = rows[1], *row2 = rows[2], *row3 = rows[3];
  uint8_t *out0 = outs[0], *out1 = outs[1], *out2 = outs[2], *out3 = outs[3];
  const int *first = taps.first.data(), *end = first + width;
  const uint32_t* words = taps.words.data();
  const int count = Count > 0 ? Count : taps.taps, fours = count / 4;
  const bool two_more = count % 4 != 0;
  for (size_t to = 0; first != end; ++first, to += 3) {
    Sums upper{_mm256_setzero_si256(), half}, lower = upper;
    size_t at = static_cast<size_t>(*first) * 3;
    for (int i = 0; i < fours; ++i, at += 12, words += 4) {
      const __m256i a = two_rows(row0 + at, row1 + at), b = two_rows(row2 + at, row3 + at);
      add(upper, _mm256_shuffle_epi8(a, first_two), words);
      add(lower, _mm256_shuffle_epi8(b, first_two), words);
      add(upper, _mm256_shuffle_epi8(a, next_two), words + 2);
      add(lower, _mm256_shuffle_epi8(b, next_two), words + 2);
    }
    if (two_more) {
      add(upper, _mm256_shuffle_epi8(two_rows(row0 + at, row1 + at), first_two), words);
      add(lower, _mm256_shuffle_epi8(two_rows(row2 + at, row3 + at), first_two), words);
      words += 2;
    }
    const __m256i all = _mm256_packus_epi32(total(upper, bits), total(lower, bits));
    const __m256i bytes = _mm256_packus_epi16(all, all);  // rows 0, 2, then 1, 3
    const __m128i even = _mm256_castsi256_si128(bytes), odd = _mm256_extracti128_si256(bytes, 1);
    store_pixel(out0 + to, _mm_cvtsi128_si32(even));
    store_pixel(out1 + to, _mm_cvtsi128_si32(odd));
    store_pixel(out2 + to, _mm_extract_epi32(even, 1));
    store_pixel(out3 + to, _mm_extract_epi32(odd, 1));
  }
}

SELFSUP_AVX2 void horizontal(const uint8_t* const rows[4], uint8_t* const outs[4], int width, const Taps& taps) {
  switch (taps.taps) {
    case 2:
      return horizontal_by<2>(rows, outs, width, taps);
    case 4:
      return horizontal_by<4>(rows, outs, width, taps);
    case 6:
      return horizontal_by<6>(rows, outs, width, taps);
    case 8:
      return horizontal_by<8>(rows, outs, width, taps);
    default:
      return horizontal_by<0>(rows, outs, width, taps);
  }
}

SELFSUP_AVX2 void vertical(const uint8_t* rows, size_t stride, const Taps& taps, size_t y, uint8_t* out, size_t bytes) {
  const __m128i bits = _mm_cvtsi32_si128(taps.bits);
  const __m256i half = _mm256_set1_epi32(1 << (taps.bits - 1)), zero = _mm256_setzero_si256();
  rows += static_cast<size_t>(taps.first[y]) * stride;
  const uint32_t *first_words = taps.words_of(y), *end = first_words + taps.taps;
  constexpr size_t kStep = 32;
  for (size_t x = 0; x < bytes; x += kStep) {
    Sums s[4] = {{zero, half}, {zero, half}, {zero, half}, {zero, half}};
    const uint8_t* p = rows + x;
    for (const uint32_t* words = first_words; words != end; words += 2, p += 2 * stride) {
      const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
      const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + stride));
      const __m256i left = _mm256_unpacklo_epi8(a, b), right = _mm256_unpackhi_epi8(a, b);
      add(s[0], _mm256_unpacklo_epi8(left, zero), words);
      add(s[1], _mm256_unpackhi_epi8(left, zero), words);
      add(s[2], _mm256_unpacklo_epi8(right, zero), words);
      add(s[3], _mm256_unpackhi_epi8(right, zero), words);
    }
    const __m256i left = _mm256_packus_epi32(total(s[0], bits), total(s[1], bits));
    const __m256i right = _mm256_packus_epi32(total(s[2], bits), total(s[3], bits));
    const __m256i block = _mm256_packus_epi16(left, right);
    if (bytes - x >= kStep) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + x), block);
    } else {
      alignas(kStep) uint8_t rest[kStep];
      _mm256_store_si256(reinterpret_cast<__m256i*>(rest), block);
      std::memcpy(out + x, rest, bytes - x);
    }
  }
}

}  // namespace

Kernels avx2_kernels() { return {"AVX2", horizontal, vertical}; }

}  // namespace selfsup::data::resampling
#endif
