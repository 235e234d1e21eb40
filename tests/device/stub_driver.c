/* Stands for libcuda.so.1: a driver that shows a GPU for each character of SELFSUP_TEST_GPUS, one without that, or
   refuses to start with the error SELFSUP_TEST_CUDA_ERROR. The character begins the GPU's UUID; "x" has none. */
#include <stdlib.h>
#include <string.h>

#define EXPORTED __attribute__((visibility("default")))

static const char* gpus(void) {
  const char* text = getenv("SELFSUP_TEST_GPUS");
  return text ? text : "1";
}

EXPORTED int cuInit(unsigned flags) {
  const char* error = getenv("SELFSUP_TEST_CUDA_ERROR");
  return flags ? 1 : error ? atoi(error) : 0;
}

EXPORTED int cuDeviceGetCount(int* count) {
  *count = (int)strlen(gpus());
  return 0;
}

EXPORTED int cuDeviceGet(int* device, int index) {
  *device = 100 + index;
  return 0;
}

EXPORTED int cuDeviceGetUuid_v2(unsigned char* uuid, int device) {
  const char gpu = gpus()[device - 100];
  if (gpu == 'x') return 101;
  memcpy(uuid, "\x00\xa1\xa2\xa3\xb4\xb5\xc6\xc7\xd8\xd9\xea\xeb\xec\xed\xee\xef", 16);
  uuid[0] = (unsigned char)(gpu - '0');
  return 0;
}
