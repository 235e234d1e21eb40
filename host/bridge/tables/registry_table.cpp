// The table "ssp.registry": components of other plugins.
#include <fmt/format.h>

#include "bridge/active.h"
#include "bridge/components/create.h"
#include "bridge/components/session.h"
#include "bridge/status.h"
#include "bridge/tables/overrides.h"
#include "bridge/tables/tables.h"

namespace selfsup::bridge {
namespace {

ssp_status create(ssp_build* at, const char* kind, const void** table, ssp_component* out) {
  return guarded([&] {
    ssp_build& b = checked(at);
    require(kind != nullptr && table != nullptr && out != nullptr, SSP_E_ARGUMENT, "registry.create: a null argument");
    const void* wrapper = wrapper_of(kind);
    if (!wrapper)
      fail(SSP_E_UNSUPPORTED, fmt::format("registry.create: this host hands out no components of kind {}", kind));
    const Json* type = b.node->find("type");
    if (!type || !type->is_string()) {
      fail(SSP_E_CONFIG, fmt::format("'{}' has no type, so that no {} can be made of it", b.config_path, kind));
    }
    const plugin::Component& component = b.session->registry.find(kind, type->as_string());
    if (b.overridden) b.node = check_overridden(b.session->registry, component, *b.node, b.config_path);
    Instance& made = create_component(*b.session, component, b);
    *table = wrapper;
    *out = &made;
  });
}

}  // namespace

const ssp_registry registry_table = {sizeof(ssp_registry), 0, create};

}  // namespace selfsup::bridge
