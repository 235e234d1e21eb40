// Where the schemas of nested components come from: plugins and the registries of built-in types. Checks nothing
// itself.
#pragma once
#include "config/schema.h"
#include "plugin/registry.h"

namespace selfsup::run {

// Valid as long as the registry.
config::ComponentSchemas component_schemas(const plugin::Registry& registry);

}  // namespace selfsup::run
