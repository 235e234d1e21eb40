// Overrides of a scope: merged over a configuration node, and the result checked by the component's own schema.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "base/json.h"
#include "plugin/registry.h"

namespace selfsup::bridge {

// text: one JSON object. Objects merge, everything else replaces; an object whose `type` changes starts anew.
// Error(usage) naming `what` when the text is no JSON object.
Json merge_overrides(const Json& node, std::string_view text, const std::string& what);

// The node with the schema's defaults filled in and without keys that belong to the component around it. Error(usage)
// naming `path` when it does not fit.
std::shared_ptr<const Json> check_overridden(const plugin::Registry& registry, const plugin::Component& component,
                                             const Json& node, const std::string& path);

}  // namespace selfsup::bridge
