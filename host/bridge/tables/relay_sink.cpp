#include "bridge/tables/relay_sink.h"

#include "bridge/components/result_checks.h"
#include "bridge/cross.h"
#include "bridge/status.h"

namespace selfsup::bridge {

RelaySink::RelaySink(const ssp_sink* sink) : target_(sink), receiver_(active().current) {
  table_.struct_size = sizeof table_;
  table_.receiver = this;
  table_.tensor = SSP_HAS(ssp_sink, sink, tensor) ? relay : nullptr;
}

ssp_status RelaySink::relay(const ssp_sink* self, ssp_str name, ssp_tensor tensor, uint32_t flags) {
  return guarded([&] {
    require(self != nullptr, SSP_E_ARGUMENT, "the sink is null");
    require_operators();
    auto& relay = *static_cast<RelaySink*>(self->receiver);
    emitted(view(name), tensor);
    const auto forward = [&] { return relay.target_->tensor(relay.target_, name, tensor, flags); };
    if (relay.receiver_) {
      cross(*relay.receiver_, "sink", Phase::call, forward);
    } else if (const ssp_status status = forward(); status != SSP_OK) {
      fail(status, std::string(view(last_error())));
    }
  });
}

}  // namespace selfsup::bridge
