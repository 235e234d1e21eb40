// Stands between a component that emits layers and a plugin's sink that receives them, and lets through what was asked
// for, each once. Main thread.
#pragma once
#include <string>
#include <vector>

#include "bridge/components/session.h"
#include "bridge/components/sink.h"

namespace selfsup::bridge {

class RelaySink : public Sink {
 public:
  // Nothing wanted: get() is null. sink must outlive this object; Failure when it takes no tensors.
  RelaySink(HostState& host, const ssp_sink* sink, std::vector<std::string> wanted);
  const ssp_sink* get() const { return wanted_.empty() ? nullptr : &table_; }
  // After the callback: Failure naming what is missing.
  void require_all(const Instance& who, const char* function) const;

 private:
  void take_tensor(std::string_view name, ssp_tensor tensor, uint32_t flags) override;

  const ssp_sink table_ = for_tensors();
  const ssp_sink* target_;
  Instance* receiver_;
  std::vector<std::string> wanted_, came_;
};

}  // namespace selfsup::bridge
