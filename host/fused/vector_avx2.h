// Eight floats in AVX2 with FMA. Included where those instructions are switched on; see vector_portable.h.
#pragma once
#include <cstring>

#include "fused/kernels.h"
#include "fused/lanes.h"

namespace selfsup::fused {
namespace {

struct Vector {
  using Reg = __m256;
  static constexpr int width = 8, most_columns = 2, lane_tile = 3;
  static constexpr int tile_rows(int columns) { return columns == 2 ? 6 : 8; }

  static Reg all(float x) { return _mm256_set1_ps(x); }
  static Reg load(const float* p, Whole) { return _mm256_loadu_ps(p); }
  static Reg load(const float* p, Part part) { return _mm256_maskload_ps(p, mask(part)); }
  static void store(float* p, Whole, Reg x) { _mm256_storeu_ps(p, x); }
  static void store(float* p, Part part, Reg x) { _mm256_maskstore_ps(p, mask(part), x); }
  static Reg load(const Bf16* p, Whole) { return widened(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))); }
  static Reg load(const Bf16* p, Part part) {
    __m128i h = _mm_setzero_si128();
    std::memcpy(&h, p, static_cast<size_t>(part.n) * sizeof(Bf16));
    return widened(h);
  }
  static void store(Bf16* p, Whole, Reg x) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), halves(x)); }
  static void store(Bf16* p, Part part, Reg x) {
    const __m128i h = halves(x);
    std::memcpy(p, &h, static_cast<size_t>(part.n) * sizeof(Bf16));
  }
  static Reg rounded(Reg x) { return widened(halves(x)); }

  static Reg fma(Reg a, Reg b, Reg c) { return _mm256_fmadd_ps(a, b, c); }
  static Reg max(Reg a, Reg b) { return _mm256_max_ps(a, b); }  // of a NaN, b
  static Reg abs(Reg x) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x); }
  static Reg where_less(Reg a, Reg b, Reg yes, Reg no) {
    return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
  }
  static uint32_t above_zero(Reg x) {
    return static_cast<uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_NLE_UQ)));
  }
  static Reg where_bits(uint32_t bits, Reg x) {
    const __m256i lane = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    const __m256i set = _mm256_and_si256(_mm256_set1_epi32(static_cast<int>(bits)), lane);
    return _mm256_and_ps(x, _mm256_castsi256_ps(_mm256_cmpeq_epi32(set, lane)));
  }
  static Reg choose(Whole, Reg x, Reg) { return x; }
  static Reg choose(Part part, Reg x, Reg rest) { return _mm256_blendv_ps(rest, x, _mm256_castsi256_ps(mask(part))); }
  static Reg round(Reg x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  static Reg power_of_2(Reg n) {
    const __m256i i = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(i, 23));
  }
  static Reg reciprocal(Reg x) { return all(1) / x; }
  // Rows become columns.
  [[gnu::always_inline]] static void transpose(Reg (&a)[width]) {
    Reg b[width];
    for (int i = 0; i < 8; i += 2)
      b[i] = _mm256_unpacklo_ps(a[i], a[i + 1]), b[i + 1] = _mm256_unpackhi_ps(a[i], a[i + 1]);
    for (int i = 0; i < 8; i += 4) {
      a[i] = _mm256_shuffle_ps(b[i], b[i + 2], 0x44), a[i + 1] = _mm256_shuffle_ps(b[i], b[i + 2], 0xee);
      a[i + 2] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0x44), a[i + 3] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0xee);
    }
    for (int j = 0; j < 4; ++j) {
      b[j] = _mm256_permute2f128_ps(a[j], a[4 + j], 0x20), b[4 + j] = _mm256_permute2f128_ps(a[j], a[4 + j], 0x31);
    }
    for (int j = 0; j < 8; ++j) a[j] = b[j];
  }
  static float sum(Reg x) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_shuffle_ps(s, s, 1)));
  }
  static float largest(Reg x) {
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_shuffle_ps(s, s, 1)));
  }

 private:
  static __m256i mask(Part part) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(part.n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  static Reg widened(__m128i h) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16)); }
  // To the nearest, ties to even; a NaN stays one.
  static __m128i halves(Reg x) {
    const __m256i bits = _mm256_castps_si256(x);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    __m256i near = _mm256_srli_epi32(_mm256_add_epi32(_mm256_add_epi32(bits, odd), _mm256_set1_epi32(0x7fff)), 16);
    near = _mm256_blendv_epi8(near, _mm256_set1_epi32(0x7fc0), _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q)));
    const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(near, near), 0x08);
    return _mm256_castsi256_si128(packed);
  }
};

}  // namespace
}  // namespace selfsup::fused
