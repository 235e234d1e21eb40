#include "data/buffers.h"

#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

namespace selfsup::data {

std::shared_ptr<uint8_t> allocate_pageable(size_t bytes) {
  constexpr size_t kAlignment = 64;
  void* memory = std::aligned_alloc(kAlignment, (bytes + kAlignment) / kAlignment * kAlignment);
  if (memory == nullptr) throw std::bad_alloc();
  return {static_cast<uint8_t*>(memory), [](uint8_t* p) { std::free(p); }};
}

struct BufferPool::Shared {
  struct Size {
    std::vector<std::shared_ptr<uint8_t>> free;
    size_t made = 0;
  };
  Allocator allocator;
  std::mutex mutex;
  std::map<size_t, Size> sizes;
};

BufferPool::BufferPool(Allocator allocator) : shared_(std::make_shared<Shared>()) {
  shared_->allocator = std::move(allocator);
}

std::shared_ptr<uint8_t> BufferPool::take(size_t bytes) {
  std::shared_ptr<uint8_t> memory;
  {
    const std::lock_guard lock(shared_->mutex);
    Shared::Size& size = shared_->sizes[bytes];
    if (size.free.empty()) {
      size.free.reserve(++size.made);  // so that giving back needs no memory
    } else {
      memory = std::move(size.free.back());
      size.free.pop_back();
    }
  }
  if (!memory) memory = shared_->allocator(bytes);
  uint8_t* const bytes_of = memory.get();
  return {bytes_of, [shared = shared_, memory = std::move(memory), bytes](uint8_t*) mutable {
            const std::lock_guard lock(shared->mutex);
            shared->sizes[bytes].free.push_back(std::move(memory));
          }};
}

}  // namespace selfsup::data
