#include "bridge/components/session.h"

#include <fmt/format.h>

#include <algorithm>

#include "bridge/active.h"
#include "bridge/status.h"

ssp_build::ssp_build() { selfsup::bridge::active().builds.insert(this); }
ssp_build::~ssp_build() { selfsup::bridge::active().builds.erase(this); }

namespace selfsup::bridge {
namespace {

auto& g_instances = *new std::vector<Instance*>;

}  // namespace

Instance& checked_instance(ssp_component component, std::string_view kind) {
  require_owner("components are for the main thread of a running host; this is another thread");
  const auto it = std::find(g_instances.begin(), g_instances.end(), static_cast<Instance*>(component));
  require(it != g_instances.end(), SSP_E_ARGUMENT, "this is no component that ssp.registry gave, or it was destroyed");
  if ((*it)->component->kind != kind) {
    fail(SSP_E_ARGUMENT,
         fmt::format("{} is a component of kind {}, not {}", (*it)->label, (*it)->component->kind, kind));
  }
  return **it;
}

Instance instance_of(const plugin::Component& component, std::string_view place) {
  Instance made;
  made.component = &component;
  made.plugin = component.plugin->file.note.id;
  made.label = fmt::format("{} ({} of {})", place, component.name, made.plugin);
  return made;
}

void register_instance(Instance& instance) { g_instances.push_back(&instance); }

void forget_instance(Instance& instance) {
  g_instances.erase(std::remove(g_instances.begin(), g_instances.end(), &instance), g_instances.end());
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
