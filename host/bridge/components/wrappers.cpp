#include "bridge/components/wrappers.h"

#include <fmt/format.h>

#include "bridge/host_state.h"
#include "bridge/status.h"
#include "bridge/tables/call.h"

namespace selfsup::bridge {

void require_same_host(const Instance& who, const ssp_call* call) {
  if (&checked(call).scope.host == who.host) return;
  fail(SSP_E_ARGUMENT, fmt::format("{}: the ssp_call is of another host of this process", who.label));
}

}  // namespace selfsup::bridge
