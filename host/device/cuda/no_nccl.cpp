#include <stdexcept>

#include "device/cuda/nccl.h"

namespace selfsup::device {

const bool has_nccl = false;

void make_nccl(const void*, int, int, int64_t, void*) { throw std::logic_error("built without NCCL"); }

}  // namespace selfsup::device
