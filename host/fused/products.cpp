#include "fused/products.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <dlfcn.h>

namespace selfsup::fused {
namespace {

// MKL as part of LibTorch's library, or as one that it needs; what else may be in the process does not count.
struct Mkl {
  using Sgemm = void (*)(const char*, const char*, const int*, const int*, const int*, const float*, const float*,
                         const int*, const float*, const int*, const float*, float*, const int*);
  using Bf16gemm = void (*)(int, int, int, int, int, int, float, const void*, int, const void*, int, float, float*,
                            int);
  Sgemm sgemm = nullptr;
  Bf16gemm bf16gemm = nullptr;
  int (*set_threads)(int) = nullptr;

  Mkl() {
    Dl_info torch{};
    if (!dladdr(reinterpret_cast<void*>(&at::get_num_threads), &torch) || !torch.dli_fname) return;
    void* library = dlopen(torch.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
    if (!library) return;
    set_threads = reinterpret_cast<int (*)(int)>(dlsym(library, "MKL_Set_Num_Threads_Local"));
    if (set_threads) {
      sgemm = reinterpret_cast<Sgemm>(dlsym(library, "sgemm_"));
      bf16gemm = reinterpret_cast<Bf16gemm>(dlsym(library, "cblas_gemm_bf16bf16f32"));
    }
    dlclose(library);  // it stays, for this library needs it
  }
};

const Mkl& mkl() {
  static const Mkl found;
  return found;
}

bool g_aten = false;

// As tensors: half-precision factors are converted, so that the sum has no other precision than MKL's.
void multiply_by_aten(int64_t m, int64_t n, int64_t k, const void* a, Matrix ma, const void* b, Matrix mb, float beta,
                      float* c, int64_t c_stride, at::ScalarType type) {
  const c10::NoGradGuard no_grad;
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const auto factor = [type](const void* data, Matrix layout, int64_t rows, int64_t columns) {
    const std::vector<int64_t> strides =
        layout.transposed ? std::vector<int64_t>{1, layout.stride} : std::vector<int64_t>{layout.stride, 1};
    return at::from_blob(const_cast<void*>(data), {rows, columns}, strides, at::TensorOptions(type)).to(at::kFloat);
  };
  at::Tensor out = at::from_blob(c, {m, n}, {c_stride, 1}, at::TensorOptions(at::kFloat));
  const at::Tensor left = factor(a, ma, m, k), right = factor(b, mb, k, n);
  if (beta == 0)
    out.copy_(at::mm(left, right));
  else
    out.addmm_(left, right, beta, 1);
}

int as_int(int64_t n) { return static_cast<int>(n); }

}  // namespace

void multiply(int64_t m, int64_t n, int64_t k, const float* a, Matrix ma, const float* b, Matrix mb, float beta,
              float* c, int64_t c_stride) {
  if (!mkl().sgemm || g_aten) return multiply_by_aten(m, n, k, a, ma, b, mb, beta, c, c_stride, at::kFloat);
  // Column-major, this is the product of both transposed in the other order.
  const int M = as_int(m), N = as_int(n), K = as_int(k), lda = as_int(ma.stride), ldb = as_int(mb.stride),
            ldc = as_int(c_stride);
  const float one = 1;
  mkl().sgemm(mb.transposed ? "T" : "N", ma.transposed ? "T" : "N", &N, &M, &K, &one, b, &ldb, a, &lda, &beta, c, &ldc);
}

void multiply(int64_t m, int64_t n, int64_t k, const Bf16* a, Matrix ma, const Bf16* b, Matrix mb, float beta, float* c,
              int64_t c_stride) {
  if (!mkl().bf16gemm || g_aten) return multiply_by_aten(m, n, k, a, ma, b, mb, beta, c, c_stride, at::kBFloat16);
  constexpr int kRowMajor = 101, kAsItIs = 111, kTransposed = 112;
  mkl().bf16gemm(kRowMajor, ma.transposed ? kTransposed : kAsItIs, mb.transposed ? kTransposed : kAsItIs, as_int(m),
                 as_int(n), as_int(k), 1, a, as_int(ma.stride), b, as_int(mb.stride), beta, c, as_int(c_stride));
}

const char* product_library() { return mkl().sgemm && !g_aten ? "MKL" : "ATen"; }

void use_aten_products(bool yes) { g_aten = yes; }

OneThread::OneThread() : before_(mkl().set_threads ? mkl().set_threads(1) : 0) {}
OneThread::~OneThread() {
  if (mkl().set_threads) mkl().set_threads(before_);
}

}  // namespace selfsup::fused
