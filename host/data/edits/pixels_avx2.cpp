// The loops of pixels.h, 32 pixels at a time. What Pillow computes in floating point is computed in as few floating
// point numbers as leave the same bytes for all colours, which a test shows.
#include <cstring>

#include "data/edits/pixels.h"
#include "data/edits/vectors.h"

#if defined(__x86_64__)
namespace selfsup::data::pixels {
namespace {

using Bytes = __m256i;  // of 32 pixels
using Floats = __m256;  // of 8
constexpr size_t kStep = 32;

SELFSUP_AVX2 SELFSUP_INLINE Bytes load(const uint8_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
SELFSUP_AVX2 SELFSUP_INLINE void store(uint8_t* p, Bytes bytes) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), bytes);
}
SELFSUP_AVX2 SELFSUP_INLINE Bytes each(int value) { return _mm256_set1_epi8(static_cast<char>(value)); }
SELFSUP_AVX2 SELFSUP_INLINE Bytes where(Bytes mask, Bytes yes, Bytes no) { return _mm256_blendv_epi8(no, yes, mask); }
SELFSUP_AVX2 SELFSUP_INLINE Bytes either(Bytes a, Bytes b) { return _mm256_or_si256(a, b); }

// 32 bytes as numbers of 16 and of 32 bits, and back; the order in between is that of the instructions.
struct Words {
  __m256i half[2];
};
struct Numbers {
  __m256i quarter[4];
};

SELFSUP_AVX2 SELFSUP_INLINE Words widen(Bytes bytes) {
  const __m256i zero = _mm256_setzero_si256();
  return {{_mm256_unpacklo_epi8(bytes, zero), _mm256_unpackhi_epi8(bytes, zero)}};
}
SELFSUP_AVX2 SELFSUP_INLINE Numbers numbers(Words words) {
  const __m256i zero = _mm256_setzero_si256();
  return {{_mm256_unpacklo_epi16(words.half[0], zero), _mm256_unpackhi_epi16(words.half[0], zero),
           _mm256_unpacklo_epi16(words.half[1], zero), _mm256_unpackhi_epi16(words.half[1], zero)}};
}
SELFSUP_AVX2 SELFSUP_INLINE Bytes narrow(Words words) { return _mm256_packus_epi16(words.half[0], words.half[1]); }
SELFSUP_AVX2 SELFSUP_INLINE Bytes narrow(const Numbers& n) {
  return narrow(Words{_mm256_packs_epi32(n.quarter[0], n.quarter[1]), _mm256_packs_epi32(n.quarter[2], n.quarter[3])});
}

// Of three channels that alternate, channel c stands at the bytes j of part k with (16 k + j) % 3 = c: at each j of one
// part only. So the three are blended, and one shuffle puts 16 values of a channel in order, or takes them back.
alignas(16) constexpr uint8_t kTogether[3][16] = {{0, 3, 6, 9, 12, 15, 2, 5, 8, 11, 14, 1, 4, 7, 10, 13},
                                                  {1, 4, 7, 10, 13, 0, 3, 6, 9, 12, 15, 2, 5, 8, 11, 14},
                                                  {2, 5, 8, 11, 14, 1, 4, 7, 10, 13, 0, 3, 6, 9, 12, 15}};
alignas(16) constexpr uint8_t kApart[3][16] = {{0, 11, 6, 1, 12, 7, 2, 13, 8, 3, 14, 9, 4, 15, 10, 5},
                                               {5, 0, 11, 6, 1, 12, 7, 2, 13, 8, 3, 14, 9, 4, 15, 10},
                                               {10, 5, 0, 11, 6, 1, 12, 7, 2, 13, 8, 3, 14, 9, 4, 15}};
constexpr int8_t kThird[3][16] = {{-1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1},
                                  {0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0},
                                  {0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0}};

SELFSUP_AVX2 SELFSUP_INLINE __m256i twice(const void* p) {
  return _mm256_broadcastsi128_si256(_mm_loadu_si128(static_cast<const __m128i*>(p)));
}

struct Colours {
  Bytes r, g, b;
};

SELFSUP_AVX2 SELFSUP_INLINE Colours load(Planes p, size_t i) {
  return {load(p.red + i), load(p.green + i), load(p.blue + i)};
}
SELFSUP_AVX2 SELFSUP_INLINE void store(Planes p, size_t i, const Colours& c) {
  store(p.red + i, c.r), store(p.green + i, c.g), store(p.blue + i, c.b);
}

SELFSUP_AVX2 void unpack(const uint8_t* rgb, Planes planes, size_t count) {
  const __m256i first = twice(kThird[0]), second = twice(kThird[1]), third = twice(kThird[2]);
  uint8_t rest[3 * kStep] = {};
  for (size_t i = 0; i < count; i += kStep) {
    const uint8_t* from = rgb + 3 * i;
    if (count - i < kStep) from = static_cast<const uint8_t*>(std::memcpy(rest, from, 3 * (count - i)));
    const auto part = [&](int k) SELFSUP_AVX2 {
      return _mm256_loadu2_m128i(reinterpret_cast<const __m128i*>(from + 48 + 16 * k),
                                 reinterpret_cast<const __m128i*>(from + 16 * k));
    };
    const __m256i a = part(0), b = part(1), c = part(2);
    store(planes, i,
          {_mm256_shuffle_epi8(where(third, b, where(second, c, a)), twice(kTogether[0])),
           _mm256_shuffle_epi8(where(first, b, where(third, c, a)), twice(kTogether[1])),
           _mm256_shuffle_epi8(where(second, b, where(first, c, a)), twice(kTogether[2]))});
  }
}

SELFSUP_AVX2 void pack(Planes planes, uint8_t* rgb, size_t count) {
  const __m256i first = twice(kThird[0]), second = twice(kThird[1]), third = twice(kThird[2]);
  for (size_t i = 0; i < count; i += kStep, rgb += 3 * kStep) {
    const Colours in = load(planes, i);
    const __m256i r = _mm256_shuffle_epi8(in.r, twice(kApart[0])), g = _mm256_shuffle_epi8(in.g, twice(kApart[1])),
                  b = _mm256_shuffle_epi8(in.b, twice(kApart[2]));
    uint8_t rest[3 * kStep];
    uint8_t* to = count - i < kStep ? rest : rgb;
    const auto put = [&](int k, __m256i part) SELFSUP_AVX2 {
      _mm256_storeu2_m128i(reinterpret_cast<__m128i*>(to + 48 + 16 * k), reinterpret_cast<__m128i*>(to + 16 * k), part);
    };
    put(0, where(second, g, where(third, b, r)));
    put(1, where(first, g, where(second, b, r)));
    put(2, where(third, g, where(first, b, r)));
    if (to == rest) std::memcpy(rgb, rest, 3 * (count - i));
  }
}

// The shuffle gives 0 for an index below 0, else that of its low four bits. So with each row of the table stands its
// difference to the row before, and those up to the right one are added, without carries. The table's halves are looked
// up apart, the values that belong to the other one being below 0.
SELFSUP_AVX2 void look_up(const uint8_t* table, uint8_t* values, size_t count) {
  alignas(32) __m128i steps[16];
  for (size_t row = 0; row < 16; ++row) {
    const auto at = [&](size_t r)
                        SELFSUP_AVX2 { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(table + 16 * r)); };
    steps[row] = row % 8 == 0 ? at(row) : _mm_xor_si128(at(row), at(row - 1));
  }
  size_t i = 0;
  for (; i + kStep <= count; i += kStep) {
    __m256i low = load(values + i), high = _mm256_xor_si256(low, each(128)), sum = _mm256_setzero_si256(), other = sum;
    for (size_t row = 0; row < 8; ++row) {
      sum = _mm256_xor_si256(sum, _mm256_shuffle_epi8(twice(steps + row), low));
      other = _mm256_xor_si256(other, _mm256_shuffle_epi8(twice(steps + row + 8), high));
      low = _mm256_subs_epi8(low, each(16)), high = _mm256_subs_epi8(high, each(16));
    }
    store(values + i, _mm256_xor_si256(sum, other));
  }
  for (; i < count; ++i) values[i] = table[values[i]];
}

// (19595 r + 38470 g + 7471 b + 32768) >> 16; the weight of green, halved, has 16 bits.
SELFSUP_AVX2 SELFSUP_INLINE Words grey_of(const Colours& c) {
  const __m256i red_green = _mm256_set1_epi32(19235 << 16 | 19595), green_blue = _mm256_set1_epi32(7471 << 16 | 19235);
  const __m256i half = _mm256_set1_epi32(32768);
  const Words r = widen(c.r), g = widen(c.g), b = widen(c.b);
  Words grey;
  for (int h = 0; h < 2; ++h) {
    const auto sum = [&](__m256i rg, __m256i gb) SELFSUP_AVX2 {
      const __m256i all = _mm256_add_epi32(_mm256_madd_epi16(rg, red_green), _mm256_madd_epi16(gb, green_blue));
      return _mm256_srli_epi32(_mm256_add_epi32(all, half), 16);
    };
    grey.half[h] = _mm256_packs_epi32(
        sum(_mm256_unpacklo_epi16(r.half[h], g.half[h]), _mm256_unpacklo_epi16(g.half[h], b.half[h])),
        sum(_mm256_unpackhi_epi16(r.half[h], g.half[h]), _mm256_unpackhi_epi16(g.half[h], b.half[h])));
  }
  return grey;
}

SELFSUP_AVX2 void grey(Planes planes, size_t count) {
  for (size_t i = 0; i < count; i += kStep) {
    const Bytes grey = narrow(grey_of(load(planes, i)));
    store(planes, i, {grey, grey, grey});
  }
}

SELFSUP_AVX2 uint64_t grey_sum(Planes planes, size_t count) {
  alignas(32) uint64_t sums[4];
  __m256i sum = _mm256_setzero_si256();
  size_t i = 0;
  for (; i + kStep <= count; i += kStep)
    sum = _mm256_add_epi64(sum, _mm256_sad_epu8(narrow(grey_of(load(planes, i))), _mm256_setzero_si256()));
  _mm256_store_si256(reinterpret_cast<__m256i*>(sums), sum);
  uint64_t total = sums[0] + sums[1] + sums[2] + sums[3];
  if (i < count) {
    uint8_t rest[kStep];
    store(rest, narrow(grey_of(load(planes, i))));
    for (size_t k = 0; k < count - i; ++k) total += rest[k];
  }
  return total;
}

// Between grey and the channel, or beyond; truncated.
SELFSUP_AVX2 SELFSUP_INLINE Bytes blend(const Words& grey, Bytes channel, Floats factor) {
  const Words to = widen(channel);
  const Floats largest = _mm256_set1_ps(255);
  Words out;
  for (int h = 0; h < 2; ++h) {
    const __m256i from = grey.half[h], difference = _mm256_sub_epi16(to.half[h], from), zero = _mm256_setzero_si256();
    const auto value = [&](__m256i start, __m256i way) SELFSUP_AVX2 {
      const Floats moved = _mm256_add_ps(_mm256_cvtepi32_ps(start), _mm256_mul_ps(factor, _mm256_cvtepi32_ps(way)));
      return _mm256_cvttps_epi32(_mm256_min_ps(moved, largest));  // what is below 0 the packing makes 0
    };
    const __m256i sign = _mm256_srai_epi16(difference, 15);
    out.half[h] = _mm256_packs_epi32(value(_mm256_unpacklo_epi16(from, zero), _mm256_unpacklo_epi16(difference, sign)),
                                     value(_mm256_unpackhi_epi16(from, zero), _mm256_unpackhi_epi16(difference, sign)));
  }
  return narrow(out);
}

SELFSUP_AVX2 void saturation(Planes planes, size_t count, float factor) {
  const Floats f = _mm256_set1_ps(factor);
  for (size_t i = 0; i < count; i += kStep) {
    const Colours c = load(planes, i);
    const Words grey = grey_of(c);
    store(planes, i, {blend(grey, c.r, f), blend(grey, c.g, f), blend(grey, c.b, f)});
  }
}

// x / 6, rounded to nearest.
SELFSUP_AVX2 SELFSUP_INLINE Floats sixth_of(Floats x) {
  const Floats part = _mm256_set1_ps(1.0f / 6), rough = _mm256_mul_ps(x, part);
  return _mm256_fmadd_ps(_mm256_fnmadd_ps(rough, _mm256_set1_ps(6), x), part, rough);
}

struct HueSaturation {
  Bytes hue, saturation;
};

// Of colours whose channels run from largest - range to largest.
SELFSUP_AVX2 SELFSUP_INLINE HueSaturation hue_saturation(const Colours& c, Bytes largest, Bytes range) {
  // The largest channel tells a third of the circle; the middle one, how far from that third's middle.
  const Bytes is_red = _mm256_cmpeq_epi8(c.r, largest);
  const Bytes is_green = _mm256_andnot_si256(is_red, _mm256_cmpeq_epi8(c.g, largest));
  const Bytes first = where(is_red, c.b, where(is_green, c.r, c.g)),
              second = where(is_red, c.g, where(is_green, c.b, c.r));
  const Bytes rising = _mm256_cmpeq_epi8(first, _mm256_sub_epi8(largest, range));
  const Bytes below = _mm256_sub_epi8(largest, where(rising, second, first));
  const Bytes third = where(is_red, each(0), where(is_green, each(2), each(4)));
  const Floats starts = _mm256_setr_ps(-1, 1, 1, 3, 3, 5, 0, 0), signs = _mm256_setr_ps(1, -1, 1, -1, 1, -1, 0, 0);
  const Floats one = _mm256_set1_ps(1), all = _mm256_set1_ps(255);
  const Numbers sixth = numbers(widen(_mm256_sub_epi8(third, rising))), parts = numbers(widen(below)),
                ranges = numbers(widen(range)), values = numbers(widen(largest));
  Numbers hue, saturation;
  for (int k = 0; k < 4; ++k) {
    const Floats r = _mm256_cvtepi32_ps(ranges.quarter[k]);
    const Floats share = _mm256_div_ps(_mm256_cvtepi32_ps(parts.quarter[k]), _mm256_max_ps(r, one));
    const Floats sixths = _mm256_fmadd_ps(share, _mm256_permutevar8x32_ps(signs, sixth.quarter[k]),
                                          _mm256_permutevar8x32_ps(starts, sixth.quarter[k]));
    const Floats turn = sixth_of(sixths);
    const Floats turns = _mm256_add_ps(turn, _mm256_and_ps(one, _mm256_cmp_ps(turn, _mm256_setzero_ps(), _CMP_LT_OQ)));
    // 255 turns, cut off exactly: one less where the product was rounded up.
    const __m256i rough = _mm256_cvttps_epi32(_mm256_mul_ps(turns, all));
    const Floats rest = _mm256_fmsub_ps(turns, all, _mm256_cvtepi32_ps(rough));
    hue.quarter[k] = _mm256_add_epi32(rough, _mm256_srai_epi32(_mm256_castps_si256(rest), 31));
    const Floats part = _mm256_div_ps(r, _mm256_max_ps(_mm256_cvtepi32_ps(values.quarter[k]), one));
    saturation.quarter[k] = _mm256_cvttps_epi32(_mm256_mul_ps(part, all));
  }
  return {narrow(hue), narrow(saturation)};
}

// largest * (255 - saturation) / 255, to nearest: there are no ties.
SELFSUP_AVX2 SELFSUP_INLINE Bytes lowest(Bytes largest, Bytes saturation) {
  Words value = widen(largest);
  const Words rest = widen(_mm256_sub_epi8(each(255), saturation));
  for (int h = 0; h < 2; ++h) {
    const __m256i n = _mm256_add_epi16(_mm256_mullo_epi16(value.half[h], rest.half[h]), _mm256_set1_epi16(128));
    value.half[h] = _mm256_srli_epi16(_mm256_add_epi16(n, _mm256_srli_epi16(n, 8)), 8);
  }
  return narrow(value);
}

SELFSUP_AVX2 SELFSUP_INLINE Colours colours_of(const HueSaturation& hs, Bytes largest) {
  Words doubled = widen(hs.hue);
  for (__m256i& half : doubled.half)  // 6 hue / 255
    half = _mm256_mulhi_epu16(_mm256_add_epi16(half, half), _mm256_set1_epi16(772));
  const Bytes sixth = narrow(doubled);
  const Bytes two = _mm256_add_epi8(hs.hue, hs.hue);
  const Bytes place = _mm256_add_epi8(_mm256_add_epi8(two, two), _mm256_add_epi8(two, sixth));  // 6 hue - 255 sixth
  const Floats one = _mm256_set1_ps(1), half = _mm256_set1_ps(0.5f), part = _mm256_set1_ps(1.0f / 255);
  const Numbers saturations = numbers(widen(hs.saturation)), places = numbers(widen(place)),
                values = numbers(widen(largest));
  Numbers falls, climbs;
  for (int k = 0; k < 4; ++k) {
    const Floats s = _mm256_mul_ps(_mm256_cvtepi32_ps(saturations.quarter[k]), part),
                 f = _mm256_mul_ps(_mm256_cvtepi32_ps(places.quarter[k]), part),
                 v = _mm256_cvtepi32_ps(values.quarter[k]);
    const auto value = [&](Floats share) SELFSUP_AVX2 {
      return _mm256_cvttps_epi32(_mm256_fmadd_ps(v, _mm256_fnmadd_ps(s, share, one), half));
    };
    falls.quarter[k] = value(f), climbs.quarter[k] = value(_mm256_sub_ps(one, f));
  }
  const Bytes low = lowest(largest, hs.saturation), falling = narrow(falls), climbing = narrow(climbs);
  const auto in = [&](int k) SELFSUP_AVX2 { return _mm256_cmpeq_epi8(sixth, each(k)); };
  const Bytes in1 = in(1), in2 = in(2), in3 = in(3), in4 = in(4), in5 = in(5);  // else in the first, or after the last
  return {where(in1, falling, where(in4, climbing, where(either(in2, in3), low, largest))),
          where(in3, falling, where(either(in1, in2), largest, where(either(in4, in5), low, climbing))),
          where(in5, falling, where(in2, climbing, where(either(in3, in4), largest, low)))};
}

SELFSUP_AVX2 void hue(Planes planes, size_t count, int shift) {
  for (size_t i = 0; i < count; i += kStep) {
    const Colours c = load(planes, i);
    const Bytes largest = _mm256_max_epu8(_mm256_max_epu8(c.r, c.g), c.b),
                smallest = _mm256_min_epu8(_mm256_min_epu8(c.r, c.g), c.b);
    HueSaturation hs = hue_saturation(c, largest, _mm256_sub_epi8(largest, smallest));
    hs.hue = _mm256_add_epi8(hs.hue, each(shift));
    store(planes, i, colours_of(hs, largest));
  }
}

}  // namespace

Kernels avx2_kernels() { return {"AVX2", unpack, pack, look_up, saturation, hue, grey, grey_sum}; }

}  // namespace selfsup::data::pixels
#endif
