/* Stands for libcuda.so.1: a driver that shows one GPU, or refuses to start with the error SELFSUP_TEST_CUDA_ERROR. */
#include <stdlib.h>

__attribute__((visibility("default"))) int cuInit(unsigned flags) {
  const char* error = getenv("SELFSUP_TEST_CUDA_ERROR");
  return flags ? 1 : error ? atoi(error) : 0;
}

__attribute__((visibility("default"))) int cuDeviceGetCount(int* count) {
  *count = 1;
  return 0;
}
