// The border to libselfsup-cuda.so, the one part that is linked to LibTorch's CUDA libraries: a table of C functions.
// Included by both sides; knows no CUDA header.
#pragma once
#include <cstddef>
#include <cstdint>

extern "C" {

#define SELFSUP_CUDA_TABLE_VERSION 4

// Every function may be called from any thread; none throws. On failure the texts of last_error apply to the thread.
struct SelfsupCudaTable {
  uint32_t version;
  const char* torch_version;                              // of the LibTorch that the module was built with
  int (*device_count)(void);                              // 0: none can be used, last_error says why
  int (*select)(int device);                              // 0 on success; the current device of this thread
  int (*describe)(int device, char* text, size_t bytes);  // "NVIDIA H100 80GB HBM3, 79 GiB"; 0 on success
  int64_t (*peak_memory)(int device);                     // bytes that tensors held at most
  int64_t (*free_memory)(int device);                     // bytes that nobody has; -1: not known, last_error says why
  const char* (*last_error)(void);
  // Tensors of the current device of this thread between ranks. store: a c10::intrusive_ptr<c10d::Store>, which is
  // copied; backend: an empty c10::intrusive_ptr<c10d::Backend>, which is set. 0 on success. Null: the module was built
  // without NCCL.
  int (*make_nccl)(const void* store, int rank, int world, int64_t timeout_ms, void* backend);
};

// The module's one symbol.
#define SELFSUP_CUDA_SYMBOL "selfsup_cuda_table"
typedef const SelfsupCudaTable* (*SelfsupCudaEntry)(void);
}
