// Tensor handles: slot and generation, so that a stale or foreign handle is an error and never a crash. Knows no table.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "ssp/base.h"

namespace selfsup::bridge::handles {

// The table lives between open and close. The thread that opens owns it: give, peek and close are for that thread
// alone; retain and release are for any. Lookups take no lock, because tensors die on the owning thread only: the last
// release elsewhere parks the slot until the owner comes by.
void open();
void close();  // drops every tensor; afterwards release does nothing
bool is_open();
bool on_owner_thread();

// A new handle with one reference; the null handle for an undefined tensor.
ssp_tensor give(at::Tensor tensor);
// The tensor of a handle, as long as the handle is held. Failure(SSP_E_HANDLE) when it is null, foreign or released.
const at::Tensor& peek(ssp_tensor handle);
void retain(ssp_tensor handle);
void release(ssp_tensor handle);

// Handles lent to a plugin for one call, released at its end, unless the plugin has released what it only borrowed.
class Lent {
 public:
  explicit Lent(at::TensorList tensors);
  ~Lent();
  Lent(const Lent&) = delete;
  Lent& operator=(const Lent&) = delete;
  const ssp_tensor* data() const { return handles_.data(); }

 private:
  std::vector<ssp_tensor> handles_;
};

// Tensors that are alive.
int64_t live();

// References taken minus references dropped go to the current account, so that a leak has a name; returns the one
// before. What other threads take and drop goes to nobody's: they are in no callback.
int64_t* set_account(int64_t* account);
// References that other threads dropped minus those that they took.
int64_t dropped_elsewhere();

}  // namespace selfsup::bridge::handles
