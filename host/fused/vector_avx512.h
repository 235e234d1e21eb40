// Sixteen floats in AVX-512, with the instructions for bf16 where SELFSUP_HAS_BF16 says so. Included where those
// instructions are switched on; see vector_portable.h.
#pragma once
#include "fused/kernels.h"
#include "fused/lanes.h"

namespace selfsup::fused {
namespace {

struct Vector {
  using Reg = __m512;
  static constexpr int width = 16, most_columns = 4;
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
  static Reg choose(Whole, Reg x, Reg) { return x; }
  static Reg choose(Part part, Reg x, Reg rest) { return _mm512_mask_blend_ps(mask(part), rest, x); }
  static Reg round(Reg x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  static Reg power_of_2(Reg n) { return _mm512_scalef_ps(all(1), n); }
  static Reg reciprocal(Reg x) {  // 14 bits, then twice as many
    const Reg r = _mm512_rcp14_ps(x);
    return r * _mm512_fnmadd_ps(x, r, all(2));
  }
  static float sum(Reg x) { return _mm512_reduce_add_ps(x); }
  static float largest(Reg x) { return _mm512_reduce_max_ps(x); }

 private:
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
