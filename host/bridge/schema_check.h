// Checks a configuration node that a plugin changed against the component's own schema.
#pragma once
#include <memory>
#include <string>

#include "base/json.h"
#include "plugin/registry.h"

namespace selfsup::bridge {

// The node with the schema's defaults filled in and without keys that belong to the component around it. Error(usage)
// naming `path` when it does not fit.
std::shared_ptr<const Json> check_overridden(const plugin::Registry& registry, const plugin::Component& component,
                                             const Json& node, const std::string& path);

}  // namespace selfsup::bridge
