// The host's sinks: tensors, bytes and pairs that a component emits, checked as they come. Main thread.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "bridge/components/algorithm.h"
#include "bridge/components/session.h"

namespace selfsup::bridge {

enum class Emits { losses, metrics, features, images };

class TensorCollector {
 public:
  // Checks by what is wanted: losses and metrics are scalars, features f32 [batch, C], images [batch, channels, H, W].
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
  explicit ByteCollector(const HostState& host);
  ByteCollector(const ByteCollector&) = delete;
  ByteCollector& operator=(const ByteCollector&) = delete;
  const ssp_sink* get() const { return &table_; }
  bool any() const { return any_; }
  std::vector<std::byte> bytes;

 private:
  static ssp_status receive(const ssp_sink* self, const void* data, uint64_t size);
  const HostState& host_;
  ssp_sink table_{};
  bool any_ = false;
};

class PairCollector {
 public:
  explicit PairCollector(const HostState& host);
  PairCollector(const PairCollector&) = delete;
  PairCollector& operator=(const PairCollector&) = delete;
  const ssp_sink* get() const { return &table_; }
  std::vector<std::pair<std::string, std::string>> pairs;

 private:
  static ssp_status receive(const ssp_sink* self, ssp_str key, ssp_str value);
  const HostState& host_;
  ssp_sink table_{};
};

}  // namespace selfsup::bridge
