// Batch memory that goes round: a buffer returns when its last owner lets go. Knows no batches.
#pragma once
#include <memory>

#include "data/batch.h"

namespace selfsup::data {

// Thread-safe. Buffers outlive the pool while they are held.
class BufferPool {
 public:
  explicit BufferPool(Allocator allocator);
  // Uninitialised memory of exactly that many bytes: one that came back, else a new one.
  std::shared_ptr<uint8_t> take(size_t bytes);

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace selfsup::data
