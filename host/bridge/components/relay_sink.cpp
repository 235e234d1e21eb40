#include "bridge/components/relay_sink.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.h"
#include "bridge/components/result_checks.h"
#include "bridge/cross.h"
#include "bridge/status.h"

namespace selfsup::bridge {

RelaySink::RelaySink(HostState& host, const ssp_sink* sink, std::vector<std::string> wanted)
    : host_(host), target_(sink), receiver_(host.current), wanted_(std::move(wanted)) {
  require(wanted_.empty() || SSP_HAS(ssp_sink, sink, tensor), SSP_E_ARGUMENT,
          "layers are asked for, and the sink for them is null or takes no tensors");
  table_.struct_size = sizeof table_;
  table_.receiver = this;
  table_.tensor = relay;
}

void RelaySink::take(std::string_view name) {
  if (std::ranges::find(wanted_, name) == wanted_.end()) {
    fail(SSP_E_PLUGIN, fmt::format("layer '{}' was emitted, asked for: {}; emit what is asked for and nothing else",
                                   printable(name), fmt::join(wanted_, ", ")));
  }
  if (std::ranges::find(came_, name) != came_.end())
    fail(SSP_E_PLUGIN, fmt::format("layer '{}' was emitted twice", name));
  came_.emplace_back(name);
}

void RelaySink::require_all(const Instance& who, const char* function) const {
  for (const std::string& name : wanted_)
    if (std::ranges::find(came_, name) == came_.end())
      bad_result(who, function, fmt::format("layer '{}' was asked for and not emitted", name));
}

ssp_status RelaySink::relay(const ssp_sink* self, ssp_str name, ssp_tensor tensor, uint32_t flags) {
  return guarded([&] {
    require(self != nullptr, SSP_E_ARGUMENT, "the sink is null");
    auto& relay = *static_cast<RelaySink*>(self->receiver);
    require_operators(relay.host_);
    relay.take(view(name));
    emitted(relay.host_, view(name), tensor);
    const auto forward = [&] { return relay.target_->tensor(relay.target_, name, tensor, flags); };
    if (relay.receiver_) {
      cross(*relay.receiver_, "sink", Phase::call, forward);
    } else if (const ssp_status status = forward(); status != SSP_OK) {
      fail(status, std::string(view(last_error())));
    }
  });
}

}  // namespace selfsup::bridge
