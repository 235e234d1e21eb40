#include "bridge/json_merge.h"

#include <fmt/format.h>

#include "base/errors.h"
#include "config/layers.h"

namespace selfsup::bridge {

Json merge_overrides(const Json& node, std::string_view text, const std::string& what) {
  const Json above = parse_json(text, what, kOverrideLayer);
  if (!above.is_object()) throw Error(Exit::usage, fmt::format("{}: expected a JSON object", what));
  return config::merge(node, above);
}

}  // namespace selfsup::bridge
