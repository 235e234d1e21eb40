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
#include <vector>

#include "device/cuda_module.h"

namespace c10d {
class Backend;
class Store;
}  // namespace c10d

namespace selfsup::device {

// What a process may compute with.
struct Devices {
  std::vector<std::string> gpus;           // by UUID, in the order of CUDA's numbers; none: the CPU
  const SelfsupCudaTable* cuda = nullptr;  // with GPUs; lives for ever
  bool shared = false;                     // ranks may share GPUs (SELFSUP_SHARE_GPU=1); NCCL cannot connect them
};

struct Device {
  at::Device device = at::kCPU;
  std::string description;                 // "CPU", "NVIDIA H100 80GB HBM3, 79 GiB"
  const SelfsupCudaTable* cuda = nullptr;  // on a GPU only; lives for ever

  std::optional<int64_t> peak_memory_mib() const;  // that tensors held; a GPU only
  std::optional<uint64_t> free_memory() const;     // bytes that nobody has; a GPU only
};

// spec: "auto", "cpu" or "cuda". auto takes GPUs if any answer; a driver without the module or its libraries is one
// warning line and the CPU. "cuda" that cannot be had is Error(usage), one line. CUDA_VISIBLE_DEVICES -1 or empty hides
// every GPU. Must run before any CUDA query.
Devices find_devices(const std::string& spec);
// gpu: its number, where there are any. From the main thread, whose current device it becomes. Error(failed).
Device take_device(const Devices& found, size_t gpu);

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

// What the numbers of a run depend on beside its inputs.
struct Numerics {
  uint64_t seed = 0;
  bool deterministic = false;  // only deterministic kernels; an operator without one is an error
  bool search = false;  // cuDNN times its algorithms for each new size, and keeps the fastest; not if deterministic
  std::optional<bool> tf32 = {};  // fp32 products and convolutions may round to TF32; absent: as LibTorch has it
};
// Seeds LibTorch's generators, for what does not go by keyed numbers, and says which kernels may be taken.
void set_numerics(const Numerics& numerics);

}  // namespace selfsup::device
