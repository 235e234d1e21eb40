// Whether an NVIDIA driver answers, and the CUDA module of this program. Knows no tensor.
#pragma once
#include <string>
#include <vector>

#include "device/cuda_module.h"

namespace selfsup::device {

struct Driver {
  // UUIDs of the GPUs that it shows to this process, as `nvidia-smi -L` prints them, without GPU- or MIG- before them;
  // in its order, which is that of CUDA's device numbers. An instance of MIG has its own.
  std::vector<std::string> gpus;
  int unknown = 0;     // how many it shows, where it cannot tell them apart
  std::string reason;  // why there is none, or none that can be told
};

// Asks libcuda.so.1 itself, so that neither LibTorch nor the module is needed for the question.
Driver ask_driver();

struct CudaModule {
  const SelfsupCudaTable* table = nullptr;
  std::string problem, remedy;  // why there is no table, and what to do about it
};

// Opens libselfsup-cuda.so, which lies beside this program's libraries; once, never closed.
const CudaModule& open_cuda_module();

}  // namespace selfsup::device
