// Matrix products on the calling thread alone: MKL's where LibTorch brings it along, else ATen's. Knows no kernels.
#pragma once
#include <cstdint>

#include "fused/kernels.h"

namespace selfsup::fused {

struct Matrix {
  int64_t stride;  // from row to row, as it lies in memory
  bool transposed;
};

// c [m, n] = a [m, k] b [k, n] + beta c; row-major, summed in float. beta 0: c is not read.
void multiply(int64_t m, int64_t n, int64_t k, const float* a, Matrix ma, const float* b, Matrix mb, float beta,
              float* c, int64_t c_stride);
void multiply(int64_t m, int64_t n, int64_t k, const Bf16* a, Matrix ma, const Bf16* b, Matrix mb, float beta, float* c,
              int64_t c_stride);

// "MKL" or "ATen".
const char* product_library();
// Tests: ATen's in place of MKL's.
void use_aten_products(bool yes);

// While it lives, MKL runs on the calling thread alone, so that what it computes does not depend on how many there are.
class OneThread {
 public:
  OneThread();
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

}  // namespace selfsup::fused
