// Overrides of a scope, merged over a configuration node. Knows no table.
#pragma once
#include <string>
#include <string_view>

#include "base/json.h"

namespace selfsup::bridge {

// Origin::layer of what overrides brought.
inline constexpr char kOverrideLayer[] = "override";

// text: one JSON object. Objects merge, everything else replaces; an object whose `type` changes starts anew.
// Error(usage) naming `what` when the text is no JSON object.
Json merge_overrides(const Json& node, std::string_view text, const std::string& what);

}  // namespace selfsup::bridge
