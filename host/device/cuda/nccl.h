// NCCL's part of a group of ranks, in nccl.cpp, or its absence, in no_nccl.cpp: the build takes one of them. Knows no
// group and no rank of its own.
#pragma once
#include <cstdint>

namespace selfsup::device {

extern const bool has_nccl;

// As SelfsupCudaTable's. Throws what LibTorch throws.
void make_nccl(const void* store, int rank, int world, int64_t timeout_ms, void* backend);

}  // namespace selfsup::device
