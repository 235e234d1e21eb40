// The table "ssp.registry": components of other plugins.
#include <fmt/format.h>

#include "bridge/components/create.h"
#include "bridge/host_state.h"
#include "bridge/status.h"
#include "bridge/tables/extensions.h"
#include "bridge/tables/overrides.h"

namespace selfsup::bridge {
namespace {

// Made by the run alone.
bool is_never_requested(std::string_view kind) { return kind == SSP_KIND_ALGORITHM || kind == SSP_KIND_TRANSFORM; }

ssp_status create(ssp_build* at, const char* kind, const void** table, ssp_component* out) {
  return guarded([&] {
    Build& b = checked(at);
    require(kind != nullptr && table != nullptr && out != nullptr, SSP_E_ARGUMENT, "registry.create: a null argument");
    if (is_never_requested(kind))
      fail(SSP_E_UNSUPPORTED, fmt::format("registry.create: components of kind {} are made by the run alone", kind));
    const Json* type = b.node->find("type");
    if (!type || !type->is_string()) {
      fail(SSP_E_CONFIG, fmt::format("'{}' has no type, so that no {} can be made of it", b.config_path, kind));
    }
    const plugin::Component& component = b.session->registry.find(kind, type->as_string());
    if (b.overridden) b.node = check_overridden(b.session->registry, component, *b.node, b.config_path);
    const Instance& made = create_component(*b.session, component, b);
    // A kind of which this host knows no more than the head: between the two plugins, as they are.
    const void* wrapper = wrapper_of(kind);
    *table = wrapper ? wrapper : component.table;
    *out = wrapper ? made.token : made.self;
  });
}

}  // namespace

const ssp_registry registry_table = {sizeof(ssp_registry), 0, create};

}  // namespace selfsup::bridge
