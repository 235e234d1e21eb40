// The host's sinks, as plugins hold them: known by a number, so that one that is kept, copied or used on another thread
// is refused. Knows nothing of what comes.
#pragma once
#include <cstddef>
#include <span>
#include <string_view>

#include "ssp/backbone.h"
#include "ssp/sink.h"

namespace selfsup::bridge {

struct HostState;

class Sink {
 public:
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

 protected:
  explicit Sink(HostState& host);
  virtual ~Sink();

  // What a plugin sees: one function, which leads to the function below of that name.
  ssp_sink for_tensors() const { return {sizeof(ssp_sink), 0, token_, tensor, nullptr, nullptr}; }
  ssp_sink for_bytes() const { return {sizeof(ssp_sink), 0, token_, nullptr, bytes, nullptr}; }
  ssp_sink for_pairs() const { return {sizeof(ssp_sink), 0, token_, nullptr, nullptr, pair}; }
  ssp_layer_sink for_layers() const { return {sizeof(ssp_layer_sink), 0, token_, layer}; }

  // On the main thread. A plugin's mistake is a Failure. Of a sink that is for something else: refused.
  virtual void take_tensor(std::string_view name, ssp_tensor tensor, uint32_t flags);
  virtual void take_bytes(std::span<const std::byte> bytes);
  virtual void take_pair(std::string_view key, std::string_view value);
  virtual void take_layer(const ssp_layer_info& info);

  HostState& host_;

 private:
  static ssp_status tensor(const ssp_sink* self, ssp_str name, ssp_tensor tensor, uint32_t flags);
  static ssp_status bytes(const ssp_sink* self, const void* data, uint64_t size);
  static ssp_status pair(const ssp_sink* self, ssp_str key, ssp_str value);
  static ssp_status layer(const ssp_layer_sink* self, const ssp_layer_info* info);

  void* token_;
};

}  // namespace selfsup::bridge
