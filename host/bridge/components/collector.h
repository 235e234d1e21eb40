// The host's sinks: tensors and bytes that an algorithm emits, checked as they come. Owner thread.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "bridge/components/algorithm.h"
#include "bridge/components/session.h"

namespace selfsup::bridge {

enum class Emits { losses, features, images };

class TensorCollector {
 public:
  // Checks by what is wanted: losses are scalars, features [batch, …], images [batch, channels, H, W].
  TensorCollector(const Instance& emitter, const char* function, Emits emits, int64_t batch, int64_t channels = 0);
  TensorCollector(const TensorCollector&) = delete;
  TensorCollector& operator=(const TensorCollector&) = delete;
  const ssp_sink* get() const { return &table_; }
  // What was emitted, in order; Failure when it does not make a whole, such as no loss, or are not the features
  // asked for by name (none asked: one feature).
  std::vector<NamedTensor> take(std::span<const std::string> asked = {});

 private:
  static ssp_status receive(const ssp_sink* self, ssp_str name, ssp_tensor tensor, uint32_t flags);
  void add(std::string_view name, ssp_tensor tensor, uint32_t flags);
  void check_features(std::span<const std::string> asked) const;

  ssp_sink table_{};
  const Instance& emitter_;
  const char* function_;
  Emits emits_;
  int64_t batch_, channels_;
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
