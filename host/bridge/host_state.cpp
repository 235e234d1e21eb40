#include "bridge/host_state.h"

#include <fmt/format.h>

#include <atomic>
#include <cstring>

#include "base/text.h"
#include "base/utf8.h"
#include "bridge/components/build.h"
#include "bridge/status.h"
#include "bridge/tables/call.h"
#include "bridge/tables/extensions.h"
#include "plugin/crossing.h"

namespace selfsup::bridge {
namespace {

std::atomic<HostState*> g_hosts[256];  // by number

const void* extension_by_id(const ssp_host*, const char* id) { return find_extension(id); }

void set_error_text(const ssp_host*, ssp_str text) {
  try {
    set_error(text.data ? elided(printable_lines({text.data, text.size})) : std::string());
  } catch (...) {
    set_error({});
  }
}

ssp_str last_error_text(const ssp_host*) { return last_error(); }

}  // namespace

HostState::HostState()
    : ssp_host{sizeof(ssp_host), SSP_ABI_MINOR, extension_by_id, set_error_text, last_error_text},
      handles(Handles::open()),
      builds(handles.number()),
      calls(handles.number()),
      instances(handles.number()),
      batches(handles.number()),
      sinks(handles.number()),
      operators(*this) {
  g_hosts[handles.number()].store(this, std::memory_order_release);
}

HostState::~HostState() {
  g_hosts[handles.number()].store(nullptr, std::memory_order_release);
  handles.close();
}

HostState& host_of(const ssp_host* host) {
  if (host)
    for (const auto& known : g_hosts)
      if (HostState* state = known.load(std::memory_order_acquire); state == host) return *state;
  fail(SSP_E_ARGUMENT, "this is no ssp_host that is alive; pass the one that init got");
}

HostState* host_by_number(uint32_t number) { return g_hosts[number & 0xff].load(std::memory_order_acquire); }

HostState& host_of(ssp_tensor handle) {
  HostState* state = host_by_number(Handles::of(handle).number());
  require(state != nullptr, SSP_E_PRECONDITION, "the host that gave this tensor handle has shut down");
  return *state;
}

void require_main(const HostState& host, const char* text) {
  require(host.handles.on_main_thread(), SSP_E_PRECONDITION, text);
}

void require_init() {
  const char* callback = plugin::Crossing::callback();
  require(callback && std::strcmp(callback, "init") == 0, SSP_E_PRECONDITION,
          "operators are resolved in init, on the thread that called it");
}

void require_operators(const HostState& host) {
  require_main(host, "operators are for the thread of the call or create in progress; this is another thread");
  require(host.phase == Phase::create || host.phase == Phase::call, SSP_E_PRECONDITION,
          "operators are for create and per-step calls; none is in progress");
}

void require_values(const HostState& host, const at::Tensor& tensor) {
  if (host.phase != Phase::create) return;
  const std::string* name = host.declared.name_of(tensor);
  if (!name) return;
  fail(
      SSP_E_PRECONDITION,
      fmt::format("'{}' has no values while components are created; they are there from SSP_EVENT_READY on (on_event), "
                  "and a parameter's first ones come from its ssp_init",
                  *name));
}

Build& checked(ssp_build* token, Needs needs) {
  Build& build = alive(&HostState::builds, token, "ssp_build");
  const Phase phase = build.host.phase;
  if (phase == Phase::create) return build;
  if (phase == Phase::configure) {
    require(needs != Needs::session, SSP_E_PRECONDITION,
            "a transform gets its configuration, no parameters or components");
    return build;
  }
  require(phase == Phase::describe, SSP_E_PRECONDITION, "only inside create");
  require(needs == Needs::facts, SSP_E_PRECONDITION, "in defaults only config.fact answers");
  return build;
}

Call& checked(const ssp_call* token) { return alive(&HostState::calls, token, "ssp_call"); }

}  // namespace selfsup::bridge
