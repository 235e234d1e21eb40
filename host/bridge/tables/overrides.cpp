#include "bridge/tables/overrides.h"

#include <fmt/format.h>

#include "base/errors.h"
#include "bridge/components/algorithm.h"
#include "config/layers.h"
#include "config/schema.h"

namespace selfsup::bridge {
namespace {

constexpr char kOverrideLayer[] = "override";  // Source::layer of what overrides brought

}  // namespace

Json merge_overrides(const Json& node, std::string_view text, const std::string& what) {
  const Json above = parse_json(text, what, kOverrideLayer);
  if (!above.is_object()) throw Error(Exit::usage, fmt::format("{}: expected a JSON object", what));
  return config::merge(node, above);
}

std::shared_ptr<const Json> check_overridden(const plugin::Registry& registry, const plugin::Component& component,
                                             const Json& node, const std::string& path) {
  config::ComponentSchemas components;
  components.find = [&](std::string_view kind, std::string_view type) -> const Json* {
    const plugin::Component* found = registry.find_if_any(kind, type);
    return found ? &component_schema(*found) : nullptr;
  };
  components.names = [&](std::string_view kind) {
    std::vector<std::string> names;
    for (const plugin::Component* c : registry.of_kind(kind)) names.push_back(c->name);
    return names;
  };
  const Json& schema = component_schema(component);
  auto checked = std::make_shared<Json>(node);
  // What the overrides did not bring has been checked with the whole configuration: a key that this schema lacks is one
  // that the component around this one claims.
  if (const Json* properties = schema.find("properties"))
    for (const auto& [key, member] : node.as_object())
      if (key != "type" && !properties->find(key) && member.source.layer() != kOverrideLayer) checked->erase(key);
  config::throw_if_any(config::validate(*checked, schema, path, components));
  return checked;
}

}  // namespace selfsup::bridge
