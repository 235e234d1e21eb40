// Tensor handles: the number of their host, generation and slot, so that a stale or foreign handle is an error and
// never a crash. Knows no table.
#pragma once
#include <ATen/core/Tensor.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "ssp/base.h"

namespace selfsup::bridge {

// The handles of one host, between open and close. Its main thread is the one that made the host, then whichever
// crossed into a plugin last (adopt): give, peek and close are for that thread alone; retain and release are for any.
// Lookups take no lock, because tensors die on the main thread only: the last release elsewhere parks the slot until
// the main thread comes by.
class Handles {
 public:
  // One that no host has; it is never freed, so that a handle of a host that is gone is still known as such.
  // Error(failed) when 255 hosts are alive.
  static Handles& open();
  // Of the host that gave the handle, which may be gone. Failure(SSP_E_HANDLE) when it is null or no host's.
  static Handles& of(ssp_tensor handle);

  void close();  // drops every tensor; afterwards release does nothing
  bool is_open() const { return open_.load(std::memory_order_acquire); }
  uint32_t number() const { return number_; }  // 1 … 255
  void adopt();                                // the calling thread is the main one from now on
  bool on_main_thread() const;

  // A new handle with one reference; the null handle for an undefined tensor.
  ssp_tensor give(at::Tensor tensor);
  // The tensor of a handle, as long as the handle is held. Failure(SSP_E_HANDLE) when it is null, foreign or released.
  const at::Tensor& peek(ssp_tensor handle) const;
  void retain(ssp_tensor handle);
  void release(ssp_tensor handle);

  // Tensors that are alive.
  int64_t live() const;
  // References that the main thread takes, minus those it drops, go to the current account, so that a leak has a name;
  // returns the one before.
  int64_t* set_account(int64_t* account);

 private:
  static constexpr uint32_t kChunk = 4096, kChunks = 4096;
  struct Slot;

  explicit Handles(uint32_t number) : number_(number) {}
  Slot& slot(uint32_t index) const;
  Slot& find(ssp_tensor handle) const;
  void grow();
  void recycle_parked();

  const uint32_t number_;
  std::atomic<Slot*> chunks_[kChunks] = {};
  std::atomic<bool> open_{false};
  std::atomic<pthread_t> main_{};

  // Of the main thread.
  uint32_t chunk_count_ = 0;
  std::vector<uint32_t> free_, recycled_;
  int64_t given_ = 0, dropped_ = 0;
  int64_t host_account_ = 0;
  int64_t* account_ = &host_account_;

  // Of the others.
  std::mutex parked_mutex_;
  std::vector<uint32_t> parked_;
  std::atomic<bool> has_parked_{false};
  std::atomic<int64_t> died_elsewhere_{0};
};

// Handles lent to a plugin for one call, released at its end, unless the plugin has released what it only borrowed.
class Lent {
 public:
  Lent(Handles& handles, at::TensorList tensors);
  ~Lent();
  Lent(const Lent&) = delete;
  Lent& operator=(const Lent&) = delete;
  const ssp_tensor* data() const { return lent_.data(); }

 private:
  Handles& handles_;
  std::vector<ssp_tensor> lent_;
};

}  // namespace selfsup::bridge
