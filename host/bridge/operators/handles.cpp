#include "bridge/operators/handles.h"

#include <fmt/format.h>
#include <pthread.h>

#include "base/errors.h"
#include "base/random.h"
#include "bridge/status.h"

namespace selfsup::bridge {
namespace {

// A handle: 8 bits of the host's number, 32 of generation, 24 of slot. Neither number nor generation is ever 0.
constexpr uint32_t number_of(ssp_tensor handle) { return static_cast<uint32_t>(handle.id >> 56); }
constexpr uint32_t generation_in(ssp_tensor handle) { return static_cast<uint32_t>(handle.id >> 24); }
constexpr uint32_t index_of(ssp_tensor handle) { return static_cast<uint32_t>(handle.id & 0xffffff); }

constexpr uint64_t pack(uint32_t generation, uint32_t references) { return uint64_t{generation} << 32 | references; }
constexpr uint32_t generation_of(uint64_t state) { return static_cast<uint32_t>(state >> 32); }
constexpr uint32_t references_of(uint64_t state) { return static_cast<uint32_t>(state); }
constexpr uint32_t after(uint32_t generation) { return generation == UINT32_MAX ? 1 : generation + 1; }

std::atomic<Handles*> g_hosts[256];  // by number; 0 is no host's
std::mutex g_open_mutex;

[[noreturn]] void stale(ssp_tensor handle) {
  fail(SSP_E_HANDLE, fmt::format("tensor handle {:#x} was already released", handle.id));
}

[[noreturn]] void foreign(ssp_tensor handle) {
  if (handle.id == 0) fail(SSP_E_HANDLE, "the tensor handle is null");
  const Handles* other = g_hosts[number_of(handle)].load(std::memory_order_acquire);
  fail(SSP_E_HANDLE, other && other->is_open()
                         ? fmt::format("{:#x} is a tensor handle of another host of this process", handle.id)
                         : fmt::format("{:#x} is no tensor handle of this host", handle.id));
}

}  // namespace

// state: generation in the high half, references in the low half. No references: the slot is free or parked.
struct Handles::Slot {
  std::atomic<uint64_t> state{0};
  at::Tensor tensor;
};

Handles& Handles::open() {
  const std::lock_guard lock(g_open_mutex);
  for (uint32_t number = 1; number < std::size(g_hosts); ++number) {
    Handles* there = g_hosts[number].load(std::memory_order_relaxed);
    if (there && there->is_open()) continue;
    if (!there) there = new Handles(number);
    there->adopt();
    there->account_ = &there->host_account_;
    there->host_account_ = 0;
    there->open_.store(true, std::memory_order_release);
    g_hosts[number].store(there, std::memory_order_release);
    return *there;
  }
  throw Error(Exit::failed, "255 hosts are alive in this process; a tensor handle has room for no more");
}

Handles& Handles::of(ssp_tensor handle) {
  Handles* const host = g_hosts[number_of(handle)].load(std::memory_order_acquire);
  if (!host) foreign(handle);
  return *host;
}

inline Handles::Slot& Handles::slot(uint32_t index) const {
  return chunks_[index / kChunk].load(std::memory_order_acquire)[index % kChunk];
}

inline Handles::Slot& Handles::find(ssp_tensor handle) const {
  if (number_of(handle) != number_) foreign(handle);
  const uint32_t index = index_of(handle);
  if (!chunks_[index / kChunk].load(std::memory_order_acquire)) foreign(handle);
  return slot(index);
}

void Handles::recycle_parked() {
  {
    const std::lock_guard lock(parked_mutex_);
    recycled_.swap(parked_);
    has_parked_.store(false, std::memory_order_relaxed);
  }
  for (uint32_t index : recycled_) {
    slot(index).tensor.reset();
    free_.push_back(index);
  }
  recycled_.clear();
}

void Handles::grow() {
  if (chunk_count_ == kChunks) fail(SSP_E_MEMORY, "16 million tensor handles are alive; something leaks them");
  // Room for every slot, so that release never allocates.
  const size_t slots = size_t{chunk_count_ + 1} * kChunk;
  free_.reserve(slots);
  recycled_.reserve(slots);
  {
    const std::lock_guard lock(parked_mutex_);
    parked_.reserve(slots);
  }
  auto* chunk = new Slot[kChunk];
  const uint32_t first = chunk_count_ * kChunk;
  for (uint32_t i = 0; i < kChunk; ++i) {
    // Generations start anywhere, so that a number from elsewhere does not pass for a handle.
    const auto generation = static_cast<uint32_t>(mix64(uint64_t{number_} << 32 | (first + i))) | 1u;
    chunk[i].state.store(pack(generation, 0), std::memory_order_relaxed);
  }
  chunks_[chunk_count_++].store(chunk, std::memory_order_release);
  for (uint32_t i = kChunk; i-- > 0;) free_.push_back(first + i);
}

void Handles::adopt() { main_.store(pthread_self(), std::memory_order_relaxed); }

bool Handles::on_main_thread() const {
  return pthread_equal(main_.load(std::memory_order_relaxed), pthread_self()) != 0;
}

void Handles::close() {
  open_.store(false, std::memory_order_release);
  for (uint32_t index = 0; index < chunk_count_ * kChunk; ++index) {
    Slot& s = slot(index);
    uint64_t state = s.state.load(std::memory_order_acquire);
    while (references_of(state) != 0) {
      if (!s.state.compare_exchange_weak(state, pack(after(generation_of(state)), 0), std::memory_order_acq_rel))
        continue;
      s.tensor.reset();
      ++dropped_;
      free_.push_back(index);
      break;
    }
  }
  recycle_parked();
}

ssp_tensor Handles::give(at::Tensor tensor) {
  if (!tensor.defined()) return {0};
  if (has_parked_.load(std::memory_order_relaxed)) recycle_parked();
  if (free_.empty()) grow();
  const uint32_t index = free_.back();
  free_.pop_back();
  Slot& s = slot(index);
  s.tensor = std::move(tensor);
  const uint32_t generation = generation_of(s.state.load(std::memory_order_relaxed));
  s.state.store(pack(generation, 1), std::memory_order_release);
  ++given_;
  ++*account_;
  return {uint64_t{number_} << 56 | uint64_t{generation} << 24 | index};
}

const at::Tensor& Handles::peek(ssp_tensor handle) const {
  const Slot& s = find(handle);
  const uint64_t state = s.state.load(std::memory_order_acquire);
  if (generation_of(state) != generation_in(handle) || references_of(state) == 0) stale(handle);
  return s.tensor;
}

void Handles::retain(ssp_tensor handle) {
  Slot& s = find(handle);
  uint64_t state = s.state.load(std::memory_order_acquire);
  do {
    if (generation_of(state) != generation_in(handle) || references_of(state) == 0) stale(handle);
    if (references_of(state) == UINT32_MAX) fail(SSP_E_HANDLE, "a tensor handle was retained four billion times");
  } while (!s.state.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel));
  if (on_main_thread()) ++*account_;
}

void Handles::release(ssp_tensor handle) {
  if (!is_open()) return;
  Slot& s = find(handle);
  uint64_t state = s.state.load(std::memory_order_acquire);
  bool last;
  do {
    if (generation_of(state) != generation_in(handle) || references_of(state) == 0) stale(handle);
    last = references_of(state) == 1;
  } while (!s.state.compare_exchange_weak(state, last ? pack(after(generation_of(state)), 0) : state - 1,
                                          std::memory_order_acq_rel));
  const bool main = on_main_thread();
  if (main) --*account_;
  if (!last) return;
  if (main) {
    s.tensor.reset();
    free_.push_back(index_of(handle));
    ++dropped_;
  } else {
    died_elsewhere_.fetch_add(1, std::memory_order_relaxed);
    const std::lock_guard lock(parked_mutex_);
    parked_.push_back(index_of(handle));
    has_parked_.store(true, std::memory_order_relaxed);
  }
}

int64_t Handles::live() const { return given_ - dropped_ - died_elsewhere_.load(std::memory_order_relaxed); }

int64_t* Handles::set_account(int64_t* account) {
  int64_t* before = account_;
  account_ = account ? account : &host_account_;
  return before;
}

Lent::Lent(Handles& handles, at::TensorList tensors) : handles_(handles) {
  lent_.reserve(tensors.size());
  for (const at::Tensor& tensor : tensors) lent_.push_back(handles_.give(tensor));
}

Lent::~Lent() {
  for (ssp_tensor handle : lent_) {
    try {
      handles_.release(handle);
    } catch (const Failure&) {  // stale: none of ours any more
    }
  }
}

}  // namespace selfsup::bridge
