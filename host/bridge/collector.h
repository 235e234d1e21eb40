// The host's sinks: tensors and bytes that an algorithm emits, checked as they come. Owner thread.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "bridge/algorithm.h"
#include "bridge/session.h"

namespace selfsup::bridge {

enum class Emits { losses, features, images };

class TensorCollector {
 public:
  // Checks by what is wanted: losses are scalars, features [batch, …], images [batch, C, H, W].
  TensorCollector(const Instance& emitter, const char* function, Emits emits, int64_t batch);
  TensorCollector(const TensorCollector&) = delete;
  TensorCollector& operator=(const TensorCollector&) = delete;
  const ssp_sink* get() const { return &table_; }
  // What was emitted, in order; Failure when it does not make a whole, such as no loss.
  std::vector<NamedTensor> take();

 private:
  static ssp_status receive(const ssp_sink* self, ssp_str name, ssp_tensor tensor, uint32_t flags);
  void add(std::string_view name, ssp_tensor tensor, uint32_t flags);

  ssp_sink table_{};
  const Instance& emitter_;
  const char* function_;
  Emits emits_;
  int64_t batch_;
  std::vector<NamedTensor> got_;
};

class ByteCollector {
 public:
  ByteCollector();
  ByteCollector(const ByteCollector&) = delete;
  ByteCollector& operator=(const ByteCollector&) = delete;
  const ssp_sink* get() const { return &table_; }
  bool any() const { return any_; }
  std::vector<std::byte> bytes;

 private:
  static ssp_status receive(const ssp_sink* self, const void* data, uint64_t size);
  ssp_sink table_{};
  bool any_ = false;
};

}  // namespace selfsup::bridge
