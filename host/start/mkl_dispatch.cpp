// The answer to the one question that LibTorch's MKL asks before it picks its kernels: is this an Intel processor? MKL
// is linked into libtorch_cpu.so and calls mkl_serv_intel_cpu_true through the PLT; an executable that exports the name
// answers first. MKL's own answer leaves an AMD processor on kernels that run at half speed; this one goes by what the
// processor can do.
#include <cstdlib>
#include <cstring>

#include "base/processor.h"

namespace {

int answer() {
  __builtin_cpu_init();
  const char* wish = std::getenv("SELFSUP_MKL_DISPATCH");
  if (wish && std::strcmp(wish, "default") == 0) return __builtin_cpu_is("intel") != 0;  // as MKL itself would
  return selfsup::has_avx2();
}

}  // namespace

extern "C" __attribute__((visibility("default"), used)) int mkl_serv_intel_cpu_true();
extern "C" int mkl_serv_intel_cpu_true() {
  static const int yes = answer();
  return yes;
}
