// Sixteen floats in AVX-512, with the instructions for bf16 where SELFSUP_HAS_BF16 says so. Included where those
// instructions are switched on; see vector_portable.h.
#pragma once
#include "fused/kernels.h"
#include "fused/lanes.h"

namespace selfsup::fused {
namespace {

struct Vector {
  using Reg = __m512;
  static constexpr int width = 16, most_columns = 4, lane_tile = 4;
  static constexpr int tile_rows(int columns) { return columns >= 3 ? 6 : columns == 2 ? 8 : 12; }

  static Reg all(float x) { return _mm512_set1_ps(x); }
  static Reg load(const float* p, Whole) { return _mm512_loadu_ps(p); }
  static Reg load(const float* p, Part part) { return _mm512_maskz_loadu_ps(mask(part), p); }
  static void store(float* p, Whole, Reg x) { _mm512_storeu_ps(p, x); }
  static void store(float* p, Part part, Reg x) { _mm512_mask_storeu_ps(p, mask(part), x); }
  static Reg load(const Bf16* p, Whole) { return widened(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
  static Reg load(const Bf16* p, Part part) { return widened(_mm256_maskz_loadu_epi16(mask(part), p)); }
  static void store(Bf16* p, Whole, Reg x) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), halves(x)); }
  static void store(Bf16* p, Part part, Reg x) { _mm256_mask_storeu_epi16(p, mask(part), halves(x)); }
  static Reg rounded(Reg x) { return widened(halves(x)); }

  static Reg fma(Reg a, Reg b, Reg c) { return _mm512_fmadd_ps(a, b, c); }
  static Reg max(Reg a, Reg b) { return _mm512_max_ps(a, b); }  // of a NaN, b
  static Reg abs(Reg x) { return _mm512_abs_ps(x); }
  static Reg where_less(Reg a, Reg b, Reg yes, Reg no) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), no, yes);
  }
  static uint32_t above_zero(Reg x) { return _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_NLE_UQ); }
  static Reg where_bits(uint32_t bits, Reg x) { return _mm512_maskz_mov_ps(static_cast<__mmask16>(bits), x); }
  static Reg choose(Whole, Reg x, Reg) { return x; }
  static Reg choose(Part part, Reg x, Reg rest) { return _mm512_mask_blend_ps(mask(part), rest, x); }
  static Reg round(Reg x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  static Reg power_of_2(Reg n) { return _mm512_scalef_ps(all(1), n); }
  static Reg reciprocal(Reg x) {  // 14 bits, then twice as many
    const Reg r = _mm512_rcp14_ps(x);
    return r * _mm512_fnmadd_ps(x, r, all(2));
  }
  // Rows become columns.
  [[gnu::always_inline]] static void transpose(Reg (&a)[width]) {
    Reg b[width];
    for (int i = 0; i < 16; i += 2)
      b[i] = _mm512_unpacklo_ps(a[i], a[i + 1]), b[i + 1] = _mm512_unpackhi_ps(a[i], a[i + 1]);
    for (int i = 0; i < 16; i += 4) {
      a[i] = unpack_low(b[i], b[i + 2]), a[i + 1] = unpack_high(b[i], b[i + 2]);
      a[i + 2] = unpack_low(b[i + 1], b[i + 3]), a[i + 3] = unpack_high(b[i + 1], b[i + 3]);
    }
    // Quarter k of a[4 i + j] now holds column 4 k + j of rows 4 i … 4 i + 3.
    for (int j = 0; j < 4; ++j) {
      b[j] = even_quarters(a[j], a[4 + j]), b[4 + j] = odd_quarters(a[j], a[4 + j]);
      b[8 + j] = even_quarters(a[8 + j], a[12 + j]), b[12 + j] = odd_quarters(a[8 + j], a[12 + j]);
    }
    for (int j = 0; j < 4; ++j) {
      a[j] = even_quarters(b[j], b[8 + j]), a[8 + j] = odd_quarters(b[j], b[8 + j]);
      a[4 + j] = even_quarters(b[4 + j], b[12 + j]), a[12 + j] = odd_quarters(b[4 + j], b[12 + j]);
    }
  }
  static float sum(Reg x) { return _mm512_reduce_add_ps(x); }
  static float largest(Reg x) { return _mm512_reduce_max_ps(x); }

 private:
  static Reg unpack_low(Reg a, Reg b) {
    return _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
  }
  static Reg unpack_high(Reg a, Reg b) {
    return _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
  }
  static Reg even_quarters(Reg a, Reg b) { return _mm512_shuffle_f32x4(a, b, 0x88); }
  static Reg odd_quarters(Reg a, Reg b) { return _mm512_shuffle_f32x4(a, b, 0xdd); }
  static __mmask16 mask(Part part) { return static_cast<__mmask16>((1u << part.n) - 1); }
  static Reg widened(__m256i h) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16)); }
  // To the nearest, ties to even; a NaN stays one.
  static __m256i halves(Reg x) {
#if SELFSUP_HAS_BF16
    return reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x));
#else
    const __m512i bits = _mm512_castps_si512(x);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i near = _mm512_srli_epi32(_mm512_add_epi32(_mm512_add_epi32(bits, odd), _mm512_set1_epi32(0x7fff)), 16);
    near = _mm512_mask_mov_epi32(near, _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), _mm512_set1_epi32(0x7fc0));
    return _mm512_cvtepi32_epi16(near);
#endif
  }
};

}  // namespace
}  // namespace selfsup::fused
