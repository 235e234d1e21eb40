#include "bridge/components/session.h"

#include <fmt/format.h>

#include "bridge/host_state.h"
#include "bridge/status.h"
#include "bridge/tables/call.h"

namespace selfsup::bridge {

Instance& checked_instance(ssp_component component, std::string_view kind) {
  const HostState* host = host_by_number(host_number(component));
  if (host)
    require_main(*host, "components are for the thread of the call or create in progress; this is another thread");
  Instance* instance = host ? host->instances.find(component) : nullptr;
  require(instance != nullptr, SSP_E_ARGUMENT, "this is no component that ssp.registry gave, or it was destroyed");
  if (instance->component->kind != kind) {
    fail(SSP_E_ARGUMENT,
         fmt::format("{} is a component of kind {}, not {}", instance->label, instance->component->kind, kind));
  }
  return *instance;
}

void require_same_host(const Instance& who, const ssp_call* call) {
  if (&checked(call).scope.host == who.host) return;
  fail(SSP_E_ARGUMENT, fmt::format("{}: the ssp_call is of another host of this process", who.label));
}

Instance instance_of(const plugin::Component& component, std::string_view place) {
  Instance made;
  made.host = &host_of(component.plugin->host);
  made.component = &component;
  made.plugin = component.plugin->file.note.id.c_str();
  made.label = fmt::format("{} ({} of {})", place, component.name, made.plugin);
  return made;
}

std::string join_names(std::string_view prefix, std::string_view name) {
  if (prefix.empty()) return std::string(name);
  if (name.empty()) return std::string(prefix);
  return fmt::format("{}.{}", prefix, name);
}

std::string_view view(ssp_str text) {
  require(text.data != nullptr || text.size == 0, SSP_E_ARGUMENT, "a string has a length but no address");
  return {text.data, text.size};
}

ssp_str borrow(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace selfsup::bridge
