#include "device/cuda/nccl.h"

// LibTorch's header is empty without this, and needs nccl.h of the very version that LibTorch was built with: it holds
// a struct of NCCL's.
#define USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

namespace selfsup::device {

const bool has_nccl = true;

void make_nccl(const void* store, int rank, int world, int64_t timeout_ms, void* backend) {
  const auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = std::chrono::milliseconds(timeout_ms);
  *static_cast<c10::intrusive_ptr<c10d::Backend>*>(backend) = c10::make_intrusive<c10d::ProcessGroupNCCL>(
      *static_cast<const c10::intrusive_ptr<c10d::Store>*>(store), rank, world, options);
}

}  // namespace selfsup::device
