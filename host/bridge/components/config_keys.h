// Which keys a configuration node may have, by the schema of the component that it is of. Knows no value.
#pragma once
#include <string_view>
#include <vector>

#include "base/json.h"
#include "plugin/registry.h"

namespace selfsup::bridge {

// The schemas of one node: the component's own, and what the component around it claims there. None: any key goes.
struct KeysAt {
  std::vector<const Json*> schemas = {};
};

// Where `dotted` leads. node: what stands there, which decides the schema of a nested component; null: nothing. Failure
// (SSP_E_ARGUMENT) that names the part which no schema has, and the nearest that one has; what: "config.get".
KeysAt keys_below(const KeysAt& keys, const Json* node, std::string_view dotted, const plugin::Registry* registry,
                  const char* what);

}  // namespace selfsup::bridge
