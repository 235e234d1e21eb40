#include "bridge/operators/handles.h"

#include <fmt/format.h>
#include <pthread.h>

#include <atomic>
#include <mutex>
#include <vector>

#include "base/random.h"
#include "bridge/status.h"

namespace selfsup::bridge::handles {
namespace {

constexpr uint32_t kChunk = 4096, kChunks = 4096;

// state: generation in the high half, references in the low half. No references: the slot is free or parked.
struct Slot {
  std::atomic<uint64_t> state{0};
  at::Tensor tensor;
};

constexpr uint64_t pack(uint32_t generation, uint32_t references) { return uint64_t{generation} << 32 | references; }
constexpr uint32_t generation_of(uint64_t state) { return static_cast<uint32_t>(state >> 32); }
constexpr uint32_t references_of(uint64_t state) { return static_cast<uint32_t>(state); }
constexpr uint32_t after(uint32_t generation) { return generation == UINT32_MAX ? 1 : generation + 1; }

std::atomic<Slot*> g_chunks[kChunks];
std::atomic<bool> g_open{false};
std::atomic<pthread_t> g_owner{};

// Of the owner.
uint32_t g_chunk_count = 0;
std::vector<uint32_t> g_free, g_recycled;
int64_t g_given = 0, g_dropped = 0;
int64_t g_host_account = 0;
int64_t* g_account = &g_host_account;

// Of the others.
std::mutex g_parked_mutex;
std::vector<uint32_t> g_parked;
std::atomic<bool> g_has_parked{false};
std::atomic<int64_t> g_died_elsewhere{0}, g_references_elsewhere{0};

Slot& slot(uint32_t index) { return g_chunks[index / kChunk].load(std::memory_order_acquire)[index % kChunk]; }

[[noreturn]] void stale(ssp_tensor handle) {
  fail(SSP_E_HANDLE, fmt::format("tensor handle {:#x} was already released", handle.id));
}

Slot& find(ssp_tensor handle) {
  if (handle.id == 0) fail(SSP_E_HANDLE, "the tensor handle is null");
  const uint32_t index = static_cast<uint32_t>(handle.id) - 1;
  if (index / kChunk >= kChunks || !g_chunks[index / kChunk].load(std::memory_order_acquire)) {
    fail(SSP_E_HANDLE, fmt::format("{:#x} is no tensor handle of this host", handle.id));
  }
  return slot(index);
}

void recycle_parked() {
  {
    std::lock_guard lock(g_parked_mutex);
    g_recycled.swap(g_parked);
    g_has_parked.store(false, std::memory_order_relaxed);
  }
  for (uint32_t index : g_recycled) {
    slot(index).tensor.reset();
    g_free.push_back(index);
  }
  g_recycled.clear();
}

void grow() {
  if (g_chunk_count == kChunks) fail(SSP_E_MEMORY, "16 million tensor handles are alive; something leaks them");
  // Room for every slot, so that release never allocates.
  const size_t slots = size_t{g_chunk_count + 1} * kChunk;
  g_free.reserve(slots);
  g_recycled.reserve(slots);
  {
    std::lock_guard lock(g_parked_mutex);
    g_parked.reserve(slots);
  }
  auto* chunk = new Slot[kChunk];
  const uint32_t first = g_chunk_count * kChunk;
  for (uint32_t i = 0; i < kChunk; ++i) {
    // Generations start anywhere, so that a number from elsewhere does not pass for a handle.
    const auto generation = static_cast<uint32_t>(mix64(first + i)) | 1u;
    chunk[i].state.store(pack(generation, 0), std::memory_order_relaxed);
  }
  g_chunks[g_chunk_count++].store(chunk, std::memory_order_release);
  for (uint32_t i = kChunk; i-- > 0;) g_free.push_back(first + i);
}

}  // namespace

void open() {
  g_owner.store(pthread_self());
  g_account = &g_host_account;
  g_host_account = 0;
  g_open.store(true, std::memory_order_release);
}

void close() {
  g_open.store(false, std::memory_order_release);
  for (uint32_t index = 0; index < g_chunk_count * kChunk; ++index) {
    Slot& s = slot(index);
    uint64_t state = s.state.load(std::memory_order_acquire);
    while (references_of(state) != 0) {
      if (!s.state.compare_exchange_weak(state, pack(after(generation_of(state)), 0), std::memory_order_acq_rel))
        continue;
      s.tensor.reset();
      ++g_dropped;
      g_free.push_back(index);
      break;
    }
  }
  recycle_parked();
}

bool is_open() { return g_open.load(std::memory_order_acquire); }

bool on_owner_thread() { return pthread_equal(g_owner.load(std::memory_order_relaxed), pthread_self()) != 0; }

ssp_tensor give(at::Tensor tensor) {
  if (!tensor.defined()) return {0};
  if (g_has_parked.load(std::memory_order_relaxed)) recycle_parked();
  if (g_free.empty()) grow();
  const uint32_t index = g_free.back();
  g_free.pop_back();
  Slot& s = slot(index);
  s.tensor = std::move(tensor);
  const uint32_t generation = generation_of(s.state.load(std::memory_order_relaxed));
  s.state.store(pack(generation, 1), std::memory_order_release);
  ++g_given;
  ++*g_account;
  return {uint64_t{generation} << 32 | (index + 1)};
}

const at::Tensor& peek(ssp_tensor handle) {
  Slot& s = find(handle);
  const uint64_t state = s.state.load(std::memory_order_acquire);
  if (generation_of(state) != generation_of(handle.id) || references_of(state) == 0) stale(handle);
  return s.tensor;
}

void retain(ssp_tensor handle) {
  Slot& s = find(handle);
  uint64_t state = s.state.load(std::memory_order_acquire);
  do {
    if (generation_of(state) != generation_of(handle.id) || references_of(state) == 0) stale(handle);
    if (references_of(state) == UINT32_MAX) fail(SSP_E_HANDLE, "a tensor handle was retained four billion times");
  } while (!s.state.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel));
  if (on_owner_thread()) {
    ++*g_account;
  } else {
    g_references_elsewhere.fetch_add(1, std::memory_order_relaxed);
  }
}

void release(ssp_tensor handle) {
  if (!is_open()) return;
  Slot& s = find(handle);
  uint64_t state = s.state.load(std::memory_order_acquire);
  bool last;
  do {
    if (generation_of(state) != generation_of(handle.id) || references_of(state) == 0) stale(handle);
    last = references_of(state) == 1;
  } while (!s.state.compare_exchange_weak(state, last ? pack(after(generation_of(state)), 0) : state - 1,
                                          std::memory_order_acq_rel));
  const bool owner = on_owner_thread();
  if (owner) {
    --*g_account;
  } else {
    g_references_elsewhere.fetch_sub(1, std::memory_order_relaxed);
  }
  if (!last) return;
  const uint32_t index = static_cast<uint32_t>(handle.id) - 1;
  if (owner) {
    s.tensor.reset();
    g_free.push_back(index);
    ++g_dropped;
  } else {
    g_died_elsewhere.fetch_add(1, std::memory_order_relaxed);
    std::lock_guard lock(g_parked_mutex);
    g_parked.push_back(index);
    g_has_parked.store(true, std::memory_order_relaxed);
  }
}

Lent::Lent(at::TensorList tensors) {
  handles_.reserve(tensors.size());
  for (const at::Tensor& tensor : tensors) handles_.push_back(give(tensor));
}

Lent::~Lent() {
  for (ssp_tensor handle : handles_) {
    try {
      release(handle);
    } catch (const Failure&) {  // stale: none of ours any more
    }
  }
}

int64_t live() { return g_given - g_dropped - g_died_elsewhere.load(std::memory_order_relaxed); }

int64_t dropped_elsewhere() { return -g_references_elsewhere.load(std::memory_order_relaxed); }

int64_t* set_account(int64_t* account) {
  int64_t* before = g_account;
  g_account = account ? account : &g_host_account;
  return before;
}

}  // namespace selfsup::bridge::handles
