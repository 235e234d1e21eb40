// Where a run computes: the choice between CPU and GPU, the CUDA module, threads, and determinism. Knows no algorithm
// and includes no CUDA header.
#pragma once
#include <ATen/core/Tensor.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "device/cuda_module.h"

namespace c10d {
class Backend;
class Store;
}  // namespace c10d

namespace selfsup::device {

struct Device {
  at::Device device = at::kCPU;
  std::string description;                 // "CPU", "NVIDIA H100 80GB HBM3, 79 GiB"
  const SelfsupCudaTable* cuda = nullptr;  // on a GPU only; lives for ever
  bool shared = false;  // other ranks may use this GPU too (SELFSUP_SHARE_GPU): NCCL cannot connect them

  std::optional<int64_t> peak_memory_mib() const;  // that tensors held; a GPU only
  std::optional<uint64_t> free_memory() const;     // bytes that nobody has; a GPU only
};

// spec: "auto", "cpu" or "cuda". auto takes a GPU if one answers; a driver without the module or its libraries is one
// warning line and the CPU. "cuda" that cannot be had is Error(usage), one line. CUDA_VISIBLE_DEVICES -1 or empty hides
// every GPU. local_rank picks among the visible ones; more ranks than GPUs are Error(usage), unless SELFSUP_SHARE_GPU
// is 1, when they take turns. Must run before any CUDA query, in the main thread.
Device choose_device(const std::string& spec, int local_rank = 0);

// Makes NCCL's part of a group of ranks for that GPU, one for each store; timeout: of an operation. Error(usage) if the
// CUDA module was built without NCCL; what is returned throws Error(failed). The user's word in TORCH_NCCL_… and NCCL_…
// goes first.
using NcclMaker =
    std::function<c10::intrusive_ptr<c10d::Backend>(const c10::intrusive_ptr<c10d::Store>&, int rank, int world)>;
NcclMaker nccl_maker(const Device& device, std::chrono::milliseconds timeout);

// Page-locked host memory, for runs on a GPU. LibTorch keeps it: a non-blocking copy that starts at the first byte
// marks it with an event when it is let go, and it serves again only after that event. Any thread.
std::shared_ptr<uint8_t> allocate_pinned(size_t bytes);

// Threads of an operator from now on: `wanted` if above 0, else OMP_NUM_THREADS, else the allowed cores shared by the
// local ranks. Returns what is in force.
int set_threads(int wanted, int local_ranks);

struct Randomness {
  uint64_t seed = 0;
  bool deterministic = false;  // only deterministic kernels; an operator without one is an error
  bool search = false;  // cuDNN times its algorithms for each new size, and keeps the fastest; not if deterministic
};
// Seeds LibTorch's generators, for what does not go by keyed numbers, and says which kernels may be taken.
void set_randomness(const Randomness& randomness);

}  // namespace selfsup::device
