#include "bridge/cross.h"

#include <fmt/format.h>

#include <utility>

#include "base/log.h"
#include "bridge/status.h"

namespace selfsup::bridge {
namespace {

// What follows reads the host's state: this thread is its main one from here on.
HostState& adopted(const Instance& who) {
  who.host->handles.adopt();
  return *who.host;
}

}  // namespace

Cross::Cross(Instance& who, const char* function, Phase phase)
    : who_(who),
      host_(adopted(who)),
      function_(function),
      note_(who.plugin, function),
      modes_(host_.modes),
      serial_(error_serial()),
      outer_phase_(host_.phase),
      outer_(host_.current),
      outer_account_(host_.handles.set_account(&who.references)) {
  host_.phase = phase;
  host_.current = &who;
}

Cross::~Cross() {
  host_.phase = outer_phase_;
  host_.current = outer_;
  host_.handles.set_account(outer_account_);
}

std::string Cross::name() const { return fmt::format("{}.{}", who_.label, function_); }

void Cross::returned(ssp_status status) {
  if (status != SSP_OK) fail(status, fmt::format("{}: {}", name(), text_left_since(serial_, status)));
  const std::string imbalance = modes_.imbalance();
  if (imbalance.empty() || std::exchange(who_.unbalanced, true)) return;
  log_warning(fmt::format("{}: {}; the host puts it back", name(), imbalance));
}

void Cross::threw() { fail(SSP_E_PLUGIN, fmt::format("{}: {}", name(), text_of_crossed_exception())); }

void hand_over(Instance& from, int64_t references) {
  from.references -= references;
  if (Instance* to = from.host->current) to->references += references;
}

}  // namespace selfsup::bridge
