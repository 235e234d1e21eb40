// libselfsup-cuda.so: what the host needs of CUDA, behind a table of C functions. Linked to torch_cuda, so that opening
// it registers LibTorch's CUDA kernels.
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <cuda_runtime_api.h>
#include <torch/version.h>

#include <cstdio>
#include <exception>
#include <string>

#include "device/cuda/nccl.h"
#include "device/cuda_module.h"

namespace {

thread_local std::string error_text;

// No exception crosses the table.
template <class Work>
auto guarded(Work work, decltype(work()) otherwise) noexcept -> decltype(work()) {
  try {
    return work();
  } catch (const std::exception& e) {
    error_text = e.what();
  } catch (...) {
    error_text = "an exception without a text";
  }
  return otherwise;
}

int check(cudaError_t status) {
  if (status == cudaSuccess) return 0;
  error_text = cudaGetErrorString(status);
  return 1;
}

int device_count() {
  return guarded([] { return static_cast<int>(c10::cuda::device_count_ensure_non_zero()); }, 0);
}

int select_device(int device) {
  return guarded(
      [&] {
        c10::cuda::set_device(static_cast<c10::DeviceIndex>(device));
        return 0;
      },
      1);
}

int describe(int device, char* text, size_t bytes) {
  cudaDeviceProp properties;
  if (check(cudaGetDeviceProperties(&properties, device)) != 0) return 1;
  std::snprintf(text, bytes, "%s, %.0f GiB", properties.name,
                static_cast<double>(properties.totalGlobalMem) / (1u << 30));
  return 0;
}

int64_t peak_memory(int device) {
  return guarded(
      [&] {
        using c10::CachingAllocator::StatType;
        const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(static_cast<c10::DeviceIndex>(device));
        return static_cast<int64_t>(stats.allocated_bytes[static_cast<size_t>(StatType::AGGREGATE)].peak);
      },
      int64_t{0});
}

int64_t free_memory(int device) {
  return guarded(
      [&] {
        const c10::cuda::CUDAGuard guard(static_cast<c10::DeviceIndex>(device));
        size_t free = 0, all = 0;
        return check(cudaMemGetInfo(&free, &all)) == 0 ? static_cast<int64_t>(free) : int64_t{-1};
      },
      int64_t{-1});
}

int make_nccl(const void* store, int rank, int world, int64_t timeout_ms, void* backend) {
  return guarded(
      [&] {
        selfsup::device::make_nccl(store, rank, world, timeout_ms, backend);
        return 0;
      },
      1);
}

const char* last_error() { return error_text.c_str(); }

const SelfsupCudaTable table = {SELFSUP_CUDA_TABLE_VERSION,
                                TORCH_VERSION,
                                device_count,
                                select_device,
                                describe,
                                peak_memory,
                                free_memory,
                                last_error,
                                selfsup::device::has_nccl ? make_nccl : nullptr};

}  // namespace

extern "C" __attribute__((visibility("default"))) const SelfsupCudaTable* selfsup_cuda_table(void) { return &table; }
