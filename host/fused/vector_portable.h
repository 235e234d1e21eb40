// Four floats as the compiler's own vectors, which every machine has in some form. Beside the other vector_*.h it is
// what the bodies of kernels are written in.
#pragma once
#include <cstring>

#include "fused/kernels.h"
#include "fused/lanes.h"

namespace selfsup::fused {
namespace {

struct Vector {
  typedef float Reg __attribute__((vector_size(16)));
  typedef int32_t Ints __attribute__((vector_size(16)));
  typedef uint32_t Bits __attribute__((vector_size(16)));
  typedef uint16_t Halves __attribute__((vector_size(8)));
  static constexpr int width = 4, most_columns = 2, lane_tile = 3;
  static constexpr int tile_rows(int columns) { return columns == 2 ? 4 : 6; }

  static Reg all(float x) { return Reg{x, x, x, x}; }
  static Reg load(const float* p, Whole) {
    Reg r;
    std::memcpy(&r, p, sizeof r);
    return r;
  }
  static Reg load(const float* p, Part part) {
    Reg r{};
    std::memcpy(&r, p, static_cast<size_t>(part.n) * sizeof(float));
    return r;
  }
  static void store(float* p, Whole, Reg x) { std::memcpy(p, &x, sizeof x); }
  static void store(float* p, Part part, Reg x) { std::memcpy(p, &x, static_cast<size_t>(part.n) * sizeof(float)); }
  static Reg load(const Bf16* p, Whole) {
    Halves h;
    std::memcpy(&h, p, sizeof h);
    return widened(h);
  }
  static Reg load(const Bf16* p, Part part) {
    Halves h{};
    std::memcpy(&h, p, static_cast<size_t>(part.n) * sizeof(Bf16));
    return widened(h);
  }
  static void store(Bf16* p, Whole, Reg x) {
    const Halves h = halves(x);
    std::memcpy(p, &h, sizeof h);
  }
  static void store(Bf16* p, Part part, Reg x) {
    const Halves h = halves(x);
    std::memcpy(p, &h, static_cast<size_t>(part.n) * sizeof(Bf16));
  }
  static Reg rounded(Reg x) { return widened(halves(x)); }

  static Reg fma(Reg a, Reg b, Reg c) { return a * b + c; }
  // Where neither is larger, b: so that a NaN in b stays.
  static Reg max(Reg a, Reg b) { return blend(a > b, a, b); }
  static Reg abs(Reg x) { return reinterpret_cast<Reg>(reinterpret_cast<Bits>(x) & Bits{sign, sign, sign, sign}); }
  static Reg where_less(Reg a, Reg b, Reg yes, Reg no) { return blend(a < b, yes, no); }
  // One bit a lane: whether it is not 0 or less, as it is not where it is a NaN. x where its bit is set, else 0.
  static uint32_t above_zero(Reg x) {
    const Bits set = ~reinterpret_cast<Bits>(x <= all(0)) & Bits{1, 2, 4, 8};
    return set[0] | set[1] | set[2] | set[3];
  }
  static Reg where_bits(uint32_t bits, Reg x) {
    const Bits lanes = Bits{bits, bits, bits, bits} & Bits{1, 2, 4, 8};
    return blend(reinterpret_cast<Ints>(lanes != 0), x, all(0));
  }
  static Reg choose(Whole, Reg x, Reg) { return x; }
  static Reg choose(Part part, Reg x, Reg rest) {
    const auto n = static_cast<int32_t>(part.n);
    return blend(Ints{0, 1, 2, 3} < Ints{n, n, n, n}, x, rest);
  }
  static Reg round(Reg x) { return (x + all(12582912.0f)) - all(12582912.0f); }  // to even, below 2^22
  static Reg power_of_2(Reg n) {
    const Ints i = __builtin_convertvector(n, Ints) + Ints{127, 127, 127, 127};
    return reinterpret_cast<Reg>(i << 23);
  }
  static Reg reciprocal(Reg x) { return all(1) / x; }
  // Rows become columns.
  [[gnu::always_inline]] static void transpose(Reg (&a)[width]) {
    for (int c = 1; c < width; ++c)
      for (int i = 0; i < c; ++i) {
        const float x = a[i][c];
        a[i][c] = a[c][i], a[c][i] = x;
      }
  }
  static float sum(Reg x) { return (x[0] + x[1]) + (x[2] + x[3]); }
  static float largest(Reg x) {
    const float a = x[0] > x[1] ? x[0] : x[1], b = x[2] > x[3] ? x[2] : x[3];
    return a > b ? a : b;
  }

 private:
  static constexpr uint32_t sign = 0x7fffffff;
  static Reg blend(Ints mask, Reg yes, Reg no) {
    return reinterpret_cast<Reg>((mask & reinterpret_cast<Ints>(yes)) | (~mask & reinterpret_cast<Ints>(no)));
  }
  static Reg widened(Halves h) { return reinterpret_cast<Reg>(__builtin_convertvector(h, Bits) << 16); }
  // To the nearest, ties to even; a NaN stays one.
  static Halves halves(Reg x) {
    const Bits bits = reinterpret_cast<Bits>(x), odd = (bits >> 16) & Bits{1, 1, 1, 1};
    const Bits near = (bits + odd + Bits{0x7fff, 0x7fff, 0x7fff, 0x7fff}) >> 16;
    const Bits is_nan = reinterpret_cast<Bits>(x != x);
    return __builtin_convertvector((is_nan & Bits{0x7fc0, 0x7fc0, 0x7fc0, 0x7fc0}) | (~is_nan & near), Halves);
  }
};

}  // namespace
}  // namespace selfsup::fused
