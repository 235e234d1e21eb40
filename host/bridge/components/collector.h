// The host's sinks: tensors, bytes and pairs that a component emits, checked as they come. Main thread.
#pragma once
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "bridge/components/algorithm.h"
#include "bridge/components/session.h"
#include "bridge/components/sink.h"

namespace selfsup::bridge {

enum class Emits { losses, metrics, features, images };

class TensorCollector : public Sink {
 public:
  // Checks by what is wanted: losses and metrics are scalars, features f32 [batch, C], images [batch, channels, H, W].
  TensorCollector(const Instance& emitter, const char* function, Emits emits, int64_t batch, int64_t channels = 0);
  const ssp_sink* get() const { return &table_; }
  // What was emitted, in order; Failure when it does not make a whole, such as no loss, or are not the features
  // asked for by name (none asked: one feature).
  std::vector<NamedTensor> take(std::span<const std::string> asked = {});

 private:
  void take_tensor(std::string_view name, ssp_tensor tensor, uint32_t flags) override;
  void check_features(std::span<const std::string> asked) const;
  void check_losses() const;

  const ssp_sink table_ = for_tensors();
  const Instance& emitter_;
  const char* function_;
  Emits emits_;
  int64_t batch_, channels_;
  std::vector<NamedTensor> got_;
};

class ByteCollector : public Sink {
 public:
  explicit ByteCollector(HostState& host) : Sink(host) {}
  const ssp_sink* get() const { return &table_; }
  bool any() const { return any_; }
  std::vector<std::byte> bytes;

 private:
  void take_bytes(std::span<const std::byte> more) override;
  const ssp_sink table_ = for_bytes();
  bool any_ = false;
};

class PairCollector : public Sink {
 public:
  explicit PairCollector(HostState& host) : Sink(host) {}
  const ssp_sink* get() const { return &table_; }
  std::vector<std::pair<std::string, std::string>> pairs;

 private:
  void take_pair(std::string_view key, std::string_view value) override;
  const ssp_sink table_ = for_pairs();
};

}  // namespace selfsup::bridge
