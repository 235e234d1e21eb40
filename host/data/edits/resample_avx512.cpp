// The passes of resample_kernels.h, five pixels or 64 bytes of a row at a time.
#include <algorithm>

#include "data/edits/resample_kernels.h"
#include "data/edits/vectors.h"

#if defined(__x86_64__)
namespace selfsup::data::resampling {
namespace {

// Weights have 23 bits and are multiplied in two parts.
struct Sums {
  __m512i high, low;
};

SELFSUP_AVX512 SELFSUP_INLINE void add(Sums& s, __m512i pixels, __m512i high, __m512i low) {
  s.high = _mm512_dpwssd_epi32(s.high, pixels, high);
  s.low = _mm512_dpwssd_epi32(s.low, pixels, low);
}

SELFSUP_AVX512 SELFSUP_INLINE __m512i total(const Sums& s, __m128i bits) {
  return _mm512_sra_epi32(_mm512_add_epi32(_mm512_slli_epi32(s.high, Taps::kLowBits), s.low), bits);
}

// Each lane takes its two pixels' bytes out of a window of the row, which moves on by two pixels.
SELFSUP_AVX512 void horizontal(const uint8_t* const rows[4], uint8_t* const outs[4], int width, const Taps& taps) {
  if (!taps.groups_fit) return avx2_kernels().horizontal(rows, outs, width, taps);
  constexpr size_t kLanes = Taps::Group::kLanes;
  const __m128i bits = _mm_cvtsi32_si128(taps.bits);
  const Sums none{_mm512_setzero_si512(), _mm512_set1_epi32(1 << (taps.bits - 1))};
  const __m512i by_rows = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  // Copies: for all that the compiler knows, the bytes that are written could be those of the pointers.
  const uint8_t *row0 = rows[0], *row1 = rows[1], *row2 = rows[2], *row3 = rows[3];
  uint8_t *out0 = outs[0], *out1 = outs[1], *out2 = outs[2], *out3 = outs[3];
  const uint32_t* words = taps.group_words.data();
  const Taps::Group *group = taps.groups.data(), *end = group + taps.groups.size();
  const int pairs = taps.taps / 2;
  for (size_t to = 0; group != end; ++group, to += 3 * Taps::kGroup) {
    Sums s0 = none, s1 = none, s2 = none, s3 = none;
    const __m512i places = _mm512_loadu_si512(group->bytes);
    size_t at = static_cast<size_t>(group->first) * 3;
    for (int k = 0; k < pairs; ++k, at += 6, words += 2 * kLanes) {
      const __m512i high = _mm512_loadu_si512(words), low = _mm512_loadu_si512(words + kLanes);
      const auto pixels = [&](const uint8_t* row) SELFSUP_AVX512 {
        return _mm512_maskz_permutexvar_epi8(0x5555555555555555, places, _mm512_loadu_si512(row + at));
      };
      add(s0, pixels(row0), high, low);
      add(s1, pixels(row1), high, low);
      add(s2, pixels(row2), high, low);
      add(s3, pixels(row3), high, low);
    }
    const __m512i upper = _mm512_packus_epi32(total(s0, bits), total(s1, bits));
    const __m512i lower = _mm512_packus_epi32(total(s2, bits), total(s3, bits));
    const __m512i bytes = _mm512_permutexvar_epi32(by_rows, _mm512_packus_epi16(upper, lower));
    const auto store = [to](uint8_t* out, __m128i row)
                           SELFSUP_AVX512 { _mm_storeu_si128(reinterpret_cast<__m128i*>(out + to), row); };
    store(out0, _mm512_castsi512_si128(bytes));
    store(out1, _mm512_extracti32x4_epi32(bytes, 1));
    store(out2, _mm512_extracti32x4_epi32(bytes, 2));
    store(out3, _mm512_extracti32x4_epi32(bytes, 3));
  }
}

SELFSUP_AVX512 void vertical(const uint8_t* rows, size_t stride, const Taps& taps, size_t y, uint8_t* out,
                             size_t bytes) {
  const __m128i bits = _mm_cvtsi32_si128(taps.bits);
  const __m512i zero = _mm512_setzero_si512();
  const Sums none{zero, _mm512_set1_epi32(1 << (taps.bits - 1))};
  rows += static_cast<size_t>(taps.first[y]) * stride;
  const uint32_t *first_words = taps.words_of(y), *end = first_words + taps.taps;
  constexpr size_t kStep = 64;
  for (size_t x = 0; x < bytes; x += kStep) {
    Sums s0 = none, s1 = none, s2 = none, s3 = none;
    const uint8_t* p = rows + x;
    for (const uint32_t* words = first_words; words != end; words += 2, p += 2 * stride) {
      const __m512i high = _mm512_set1_epi32(static_cast<int>(words[0]));
      const __m512i low = _mm512_set1_epi32(static_cast<int>(words[1]));
      const __m512i a = _mm512_loadu_si512(p), b = _mm512_loadu_si512(p + stride);
      const __m512i left = _mm512_unpacklo_epi8(a, b), right = _mm512_unpackhi_epi8(a, b);
      add(s0, _mm512_unpacklo_epi8(left, zero), high, low);
      add(s1, _mm512_unpackhi_epi8(left, zero), high, low);
      add(s2, _mm512_unpacklo_epi8(right, zero), high, low);
      add(s3, _mm512_unpackhi_epi8(right, zero), high, low);
    }
    const __m512i left = _mm512_packus_epi32(total(s0, bits), total(s1, bits));
    const __m512i right = _mm512_packus_epi32(total(s2, bits), total(s3, bits));
    const size_t count = std::min(kStep, bytes - x);
    _mm512_mask_storeu_epi8(out + x, ~uint64_t{0} >> (kStep - count), _mm512_packus_epi16(left, right));
  }
}

}  // namespace

Kernels avx512_kernels() { return {"AVX-512", horizontal, vertical}; }

}  // namespace selfsup::data::resampling
#endif
