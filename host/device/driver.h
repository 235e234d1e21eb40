// Whether an NVIDIA driver answers, and the CUDA module of this program. Knows no tensor.
#pragma once
#include <string>

#include "device/cuda_module.h"

namespace selfsup::device {

struct Driver {
  int devices = 0;     // that it shows to this process
  std::string reason;  // why there is none
};

// Asks libcuda.so.1 itself, so that neither LibTorch nor the module is needed for the question.
Driver ask_driver();

// Opens libselfsup-cuda.so, which lies beside this program's libraries; once, never closed. Null: `reason` says why.
const SelfsupCudaTable* open_cuda_module(std::string& reason);

}  // namespace selfsup::device
