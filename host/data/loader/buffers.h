// Where the memory of batches comes from. Knows no batches and no devices.
#pragma once
#include "data/loader/batch.h"

namespace selfsup::data {

// Throws std::bad_alloc.
std::shared_ptr<uint8_t> allocate_pageable(size_t bytes);

// An allocator whose buffers go round: one returns when its last owner lets go, and serves the next request of its
// size. Buffers may outlive it. Only for memory that nobody reads once the last owner has let go, which a copy to a GPU
// does.
Allocator reusing(Allocator allocator);

}  // namespace selfsup::data
