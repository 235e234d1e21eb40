// Stands between a component that emits and a plugin's sink that receives, and checks each tensor on its way.
#pragma once
#include "bridge/components/session.h"

namespace selfsup::bridge {

class RelaySink {
 public:
  // sink may be null: then get() is null too. It must outlive this object.
  explicit RelaySink(const ssp_sink* sink);
  RelaySink(const RelaySink&) = delete;
  RelaySink& operator=(const RelaySink&) = delete;
  const ssp_sink* get() const { return target_ ? &table_ : nullptr; }

 private:
  static ssp_status relay(const ssp_sink* self, ssp_str name, ssp_tensor tensor, uint32_t flags);

  ssp_sink table_{};
  const ssp_sink* target_;
  Instance* receiver_;
};

}  // namespace selfsup::bridge
