#include "bridge/json_merge.h"

#include <fmt/format.h>

#include "base/errors.h"

namespace selfsup::bridge {
namespace {

Json merged(const Json& below, const Json& above) {
  if (!below.is_object() || !above.is_object()) return above;
  const Json* old_type = below.find("type");
  const Json* new_type = above.find("type");
  if (new_type && (!old_type || !(*old_type == *new_type))) return above;
  Json result = below;
  for (const auto& [key, value] : above.as_object()) {
    const Json* old = below.find(key);
    result.set(key, old ? merged(*old, value) : value);
  }
  return result;
}

}  // namespace

Json merge_overrides(const Json& node, std::string_view text, const std::string& what) {
  const Json above = parse_json(text, what, "plugin");
  if (!above.is_object()) throw Error(Exit::usage, fmt::format("{}: expected a JSON object", what));
  return merged(node, above);
}

}  // namespace selfsup::bridge
