#include "data/loader/buffers.h"

#include <cstdlib>
#include <limits>
#include <map>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

namespace selfsup::data {

namespace {

// Buffers that wait for their next use.
struct Shelf {
  struct Size {
    std::vector<std::shared_ptr<uint8_t>> free;
    size_t made = 0;
  };
  Allocator allocator;
  std::mutex mutex;
  std::map<size_t, Size> sizes;
};

std::shared_ptr<uint8_t> take(const std::shared_ptr<Shelf>& shelf, size_t bytes) {
  std::shared_ptr<uint8_t> memory;
  {
    const std::lock_guard lock(shelf->mutex);
    Shelf::Size& size = shelf->sizes[bytes];
    if (size.free.empty()) {
      size.free.reserve(++size.made);  // so that giving back needs no memory
    } else {
      memory = std::move(size.free.back());
      size.free.pop_back();
    }
  }
  if (!memory) memory = shelf->allocator(bytes);
  uint8_t* const bytes_of = memory.get();
  return {bytes_of, [shelf, memory = std::move(memory), bytes](uint8_t*) mutable {
            const std::lock_guard lock(shelf->mutex);
            shelf->sizes[bytes].free.push_back(std::move(memory));
          }};
}

}  // namespace

std::shared_ptr<uint8_t> allocate_pageable(size_t bytes) {
  constexpr size_t kAlignment = 64;
  if (bytes > std::numeric_limits<size_t>::max() - kAlignment) throw std::bad_alloc();
  void* memory = std::aligned_alloc(kAlignment, (bytes + kAlignment) / kAlignment * kAlignment);
  if (memory == nullptr) throw std::bad_alloc();
  return {static_cast<uint8_t*>(memory), [](uint8_t* p) { std::free(p); }};
}

Allocator reusing(Allocator allocator) {
  const auto shelf = std::make_shared<Shelf>();
  shelf->allocator = std::move(allocator);
  return [shelf](size_t bytes) { return take(shelf, bytes); };
}

}  // namespace selfsup::data
