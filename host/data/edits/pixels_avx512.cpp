// The loops of pixels.h that gain by more than width from AVX-512, 64 pixels at a time; the others are those of AVX2.
#include <array>

#include "data/edits/pixels.h"
#include "data/edits/vectors.h"

#if defined(__x86_64__)
namespace selfsup::data::pixels {
namespace {

using Bytes = __m512i;     // of 64 pixels
using Floats = __m512;     // of 16
using Chosen = __mmask64;  // of 64 pixels, some
constexpr size_t kStep = 64;

SELFSUP_AVX512 SELFSUP_INLINE Bytes each(int value) { return _mm512_set1_epi8(static_cast<char>(value)); }
SELFSUP_AVX512 SELFSUP_INLINE Bytes where(Chosen mask, Bytes yes, Bytes no) {
  return _mm512_mask_mov_epi8(no, mask, yes);
}

// 64 bytes as numbers of 16 and of 32 bits, and back; the order in between is that of the instructions.
struct Words {
  __m512i half[2];
};
struct Numbers {
  __m512i quarter[4];
};

SELFSUP_AVX512 SELFSUP_INLINE Words widen(Bytes bytes) {
  const __m512i zero = _mm512_setzero_si512();
  return {{_mm512_unpacklo_epi8(bytes, zero), _mm512_unpackhi_epi8(bytes, zero)}};
}
SELFSUP_AVX512 SELFSUP_INLINE Numbers numbers(Words words) {
  const __m512i zero = _mm512_setzero_si512();
  return {{_mm512_unpacklo_epi16(words.half[0], zero), _mm512_unpackhi_epi16(words.half[0], zero),
           _mm512_unpacklo_epi16(words.half[1], zero), _mm512_unpackhi_epi16(words.half[1], zero)}};
}
SELFSUP_AVX512 SELFSUP_INLINE Bytes narrow(Words words) { return _mm512_packus_epi16(words.half[0], words.half[1]); }
SELFSUP_AVX512 SELFSUP_INLINE Words words(const Numbers& n) {  // up to 65535, where below 0: 0
  return {{_mm512_packus_epi32(n.quarter[0], n.quarter[1]), _mm512_packus_epi32(n.quarter[2], n.quarter[3])}};
}

struct Table {
  __m512i quarter[4];
};

SELFSUP_AVX512 SELFSUP_INLINE Table load_table(const uint8_t* table) {
  return {{_mm512_loadu_si512(table), _mm512_loadu_si512(table + 64), _mm512_loadu_si512(table + 128),
           _mm512_loadu_si512(table + 192)}};
}

SELFSUP_AVX512 SELFSUP_INLINE Bytes at(const Table& table, Bytes indices) {
  return where(_mm512_movepi8_mask(indices), _mm512_permutex2var_epi8(table.quarter[2], indices, table.quarter[3]),
               _mm512_permutex2var_epi8(table.quarter[0], indices, table.quarter[1]));
}

SELFSUP_AVX512 void look_up(const uint8_t* table, uint8_t* values, size_t count) {
  const Table loaded = load_table(table);
  size_t i = 0;
  for (; i + kStep <= count; i += kStep) _mm512_storeu_si512(values + i, at(loaded, _mm512_loadu_si512(values + i)));
  if (i == count) return;
  const Chosen rest = ~uint64_t{0} >> (kStep - (count - i));
  _mm512_mask_storeu_epi8(values + i, rest, at(loaded, _mm512_maskz_loadu_epi8(rest, values + i)));
}

// What follows from a hue of 8 bits. 6 hue / 255 is a sixth of the circle, in which one channel falls or climbs; the
// share is of that, in 255 parts, how far it is from the largest one. Pillow's single precision leaves some hues that
// are whole numbers one below.
struct HueTables {
  // In the code bits 0, 1 and 2 stand for the channels that change, bits 3, 4 and 5 for those that are lowest.
  std::array<uint8_t, 256> code{}, share{}, below{};
};

constexpr HueTables hue_tables() {
  constexpr uint8_t kCodes[6] = {2 | 32, 1 | 32, 4 | 8, 2 | 8, 1 | 16, 4 | 16};
  HueTables t;
  for (size_t hue = 0; hue < 256; ++hue) {
    const size_t sixth = 6 * hue / 255, place = 6 * hue - 255 * sixth;
    t.code[hue] = kCodes[sixth % 6];
    t.share[hue] = static_cast<uint8_t>(sixth % 2 ? place : 255 - place);
  }
  for (size_t hue = 1; hue < 32; ++hue) t.below[hue] = 1;
  for (const size_t hue : {88,  92,  96,  100, 104, 129, 131, 133, 135, 137, 139, 141, 143, 145, 147, 149, 153,
                           157, 161, 165, 169, 173, 176, 177, 181, 184, 185, 189, 193, 197, 201, 205, 209})
    t.below[hue] = 1;
  return t;
}
alignas(64) constexpr HueTables kHue = hue_tables();

struct Colours {
  Bytes r, g, b;
};

// In 1530 parts of the circle times the range, exactly: the largest channel tells a third of the circle; the middle
// one, how far from that third's middle.
SELFSUP_AVX512 SELFSUP_INLINE Words turns_times_range(const Colours& c, Bytes largest, Bytes smallest, Bytes range) {
  const Chosen is_red = _mm512_cmpeq_epi8_mask(c.r, largest);
  const Chosen is_green = ~is_red & _mm512_cmpeq_epi8_mask(c.g, largest);
  const Bytes first = where(is_red, c.b, where(is_green, c.r, c.g)),
              second = where(is_red, c.g, where(is_green, c.b, c.r));
  const Chosen rising = _mm512_cmpeq_epi8_mask(first, smallest);
  const Bytes parts = _mm512_sub_epi8(largest, where(rising, second, first));
  const Bytes third = where(is_red, each(0), where(is_green, each(2), each(4)));
  const Bytes sign = where(rising, each(-1), each(1));
  const Bytes start = _mm512_min_epu8(_mm512_sub_epi8(third, sign), each(5));  // -1 is 5, a turn further
  return {{_mm512_maddubs_epi16(_mm512_unpacklo_epi8(range, parts), _mm512_unpacklo_epi8(start, sign)),
           _mm512_maddubs_epi16(_mm512_unpackhi_epi8(range, parts), _mm512_unpackhi_epi8(start, sign))}};
}

// Quotients of whole numbers, rounded once, are whole or further from the next whole number than the rounding goes.
// Where the range is 0, or the largest channel, they are no number, which becomes 0.
SELFSUP_AVX512 void hue(Planes planes, size_t count, int shift) {
  const Table codes = load_table(kHue.code.data()), shares = load_table(kHue.share.data()),
              belows = load_table(kHue.below.data());
  const Floats one = _mm512_set1_ps(1), half = _mm512_set1_ps(0.5f), part = _mm512_set1_ps(1.0f / 65025);
  for (size_t i = 0; i < count; i += kStep) {
    const Colours c{_mm512_loadu_si512(planes.red + i), _mm512_loadu_si512(planes.green + i),
                    _mm512_loadu_si512(planes.blue + i)};
    const Bytes largest = _mm512_max_epu8(_mm512_max_epu8(c.r, c.g), c.b),
                smallest = _mm512_min_epu8(_mm512_min_epu8(c.r, c.g), c.b), range = _mm512_sub_epi8(largest, smallest);
    const Words value_words = widen(largest);
    const Numbers turns = numbers(turns_times_range(c, largest, smallest, range)), ranges = numbers(widen(range)),
                  values = numbers(value_words);
    Numbers hues, saturations;
    Floats value[4];
    for (int k = 0; k < 4; ++k) {
      const Floats r = _mm512_cvtepi32_ps(ranges.quarter[k]);
      value[k] = _mm512_cvtepi32_ps(values.quarter[k]);
      // 255 / 6 times the turns, in 8 bits more: 0 in those means a whole number.
      const Floats scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(turns.quarter[k]), _mm512_set1_ps(42.5f * 256));
      hues.quarter[k] = _mm512_cvtps_epi32(_mm512_div_ps(scaled, r));
      saturations.quarter[k] = _mm512_cvttps_epi32(_mm512_div_ps(_mm512_mul_ps(r, _mm512_set1_ps(255)), value[k]));
    }
    Words whole = words(hues), rest = whole;
    for (int h = 0; h < 2; ++h) {
      rest.half[h] = _mm512_and_si512(whole.half[h], _mm512_set1_epi16(255));
      whole.half[h] = _mm512_srli_epi16(whole.half[h], 8);
    }
    Bytes hue = narrow(whole);
    const Chosen is_whole = _mm512_testn_epi8_mask(narrow(rest), each(-1));
    hue = _mm512_mask_sub_epi8(hue, is_whole, hue, at(belows, hue));
    hue = _mm512_add_epi8(hue, each(shift));

    // largest * (1 - saturation / 255 * share / 255), to nearest, and the same with a share of 1: there are no ties.
    const Words saturation = words(saturations), share = widen(at(shares, hue));
    Words products, lows;
    for (int h = 0; h < 2; ++h) {
      products.half[h] = _mm512_mullo_epi16(saturation.half[h], share.half[h]);
      const __m512i unsaturated = _mm512_sub_epi16(_mm512_set1_epi16(255), saturation.half[h]);
      const __m512i n = _mm512_add_epi16(_mm512_mullo_epi16(value_words.half[h], unsaturated), _mm512_set1_epi16(128));
      lows.half[h] = _mm512_srli_epi16(_mm512_add_epi16(n, _mm512_srli_epi16(n, 8)), 8);
    }
    Numbers changed = numbers(products);
    for (int k = 0; k < 4; ++k) {
      const Floats left = _mm512_fnmadd_ps(_mm512_cvtepi32_ps(changed.quarter[k]), part, one);
      changed.quarter[k] = _mm512_cvttps_epi32(_mm512_fmadd_ps(value[k], left, half));
    }
    const Bytes changing = narrow(words(changed)), low = narrow(lows), code = at(codes, hue);
    const auto channel = [&](uint8_t* to, int changes) SELFSUP_AVX512 {
      const Chosen is_low = _mm512_test_epi8_mask(code, each(8 * changes));
      const Chosen is_changing = _mm512_test_epi8_mask(code, each(changes));
      _mm512_storeu_si512(to + i, where(is_low, low, where(is_changing, changing, largest)));
    };
    channel(planes.red, 1), channel(planes.green, 2), channel(planes.blue, 4);
  }
}

}  // namespace

Kernels avx512_kernels() {
  Kernels kernels = avx2_kernels();
  kernels.name = "AVX-512", kernels.look_up = look_up, kernels.hue = hue;
  return kernels;
}

}  // namespace selfsup::data::pixels
#endif
