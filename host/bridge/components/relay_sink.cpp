#include "bridge/components/relay_sink.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.h"
#include "bridge/components/result_checks.h"
#include "bridge/cross.h"
#include "bridge/status.h"

namespace selfsup::bridge {

RelaySink::RelaySink(HostState& host, const ssp_sink* sink, std::vector<std::string> wanted)
    : Sink(host), target_(sink), receiver_(host.current), wanted_(std::move(wanted)) {
  require(wanted_.empty() || SSP_HAS(ssp_sink, sink, tensor), SSP_E_ARGUMENT,
          "layers are asked for, and the sink for them is null or takes no tensors");
}

void RelaySink::take_tensor(std::string_view name, ssp_tensor tensor, uint32_t flags) {
  if (std::ranges::find(wanted_, name) == wanted_.end()) {
    fail(SSP_E_PLUGIN, fmt::format("layer '{}' was emitted, asked for: {}; emit what is asked for and nothing else",
                                   printable(name), fmt::join(wanted_, ", ")));
  }
  if (std::ranges::find(came_, name) != came_.end())
    fail(SSP_E_PLUGIN, fmt::format("layer '{}' was emitted twice", name));
  came_.emplace_back(name);
  emitted(host_, name, tensor);
  cross_back(host_, receiver_, [&] { return target_->tensor(target_, borrow(name), tensor, flags); });
}

void RelaySink::require_all(const Instance& who, const char* function) const {
  for (const std::string& name : wanted_)
    if (std::ranges::find(came_, name) == came_.end())
      bad_result(who, function, fmt::format("layer '{}' was asked for and not emitted", name));
}

}  // namespace selfsup::bridge
