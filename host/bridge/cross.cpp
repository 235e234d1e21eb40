#include "bridge/cross.h"

#include <fmt/format.h>

#include <atomic>
#include <utility>

#include "base/log.h"
#include "bridge/status.h"
#include "bridge/testing.h"

namespace selfsup::bridge {
namespace {

std::atomic<bool> g_strict{false};

// What follows reads the host's state: this thread is its main one from here on.
HostState& adopted(const Instance& who) {
  who.host->handles.adopt();
  return *who.host;
}

}  // namespace

void testing::set_strict(bool on) { g_strict = on; }

Cross::Cross(Instance& who, const char* function, Phase phase)
    : who_(who),
      host_(adopted(who)),
      function_(function),
      note_(who.plugin.c_str(), function),
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
  if (status != SSP_OK) {
    if (error_serial() == serial_) {
      fail(status, fmt::format("{}: it reported {} and gave no text", name(), describe_status(status)));
    }
    fail(status, fmt::format("{}: {}", name(), view(last_error())));
  }
  const std::string imbalance = modes_.imbalance();
  if (imbalance.empty()) return;
  const std::string text = fmt::format("{}: {}; the host puts it back", name(), imbalance);
  if (g_strict) fail(SSP_E_PLUGIN, text);
  if (!std::exchange(who_.unbalanced, true)) log_warning(text);
}

void Cross::threw() {
  std::string what = "an exception that is no std::exception";
  try {
    throw;
  } catch (const Failure& e) {
    what = e.text;
  } catch (const std::exception& e) {
    what = e.what();
  } catch (...) {
  }
  fail(SSP_E_PLUGIN, fmt::format("{}: it let an exception cross into the host: {}", name(), what));
}

void hand_over(Instance& from, int64_t references) {
  from.references -= references;
  if (Instance* to = from.host->current) to->references += references;
}

}  // namespace selfsup::bridge
