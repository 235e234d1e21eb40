#include "bridge/schema_check.h"

#include <fmt/format.h>

#include <map>

#include "bridge/create.h"
#include "config/schema.h"

namespace selfsup::bridge {

std::shared_ptr<const Json> check_overridden(const plugin::Registry& registry, const plugin::Component& component,
                                             const Json& node, const std::string& path) {
  std::map<const plugin::Component*, Json> schemas;
  config::ComponentSchemas components;
  components.find = [&](std::string_view kind, std::string_view type) -> const Json* {
    const plugin::Component* found = registry.find_if_any(kind, type);
    if (!found) return nullptr;
    const auto it = schemas.find(found);
    return it != schemas.end() ? &it->second : &schemas.emplace(found, read_schema(*found)).first->second;
  };
  components.names = [&](std::string_view kind) {
    std::vector<std::string> names;
    for (const plugin::Component* c : registry.of_kind(kind)) names.push_back(c->name);
    return names;
  };
  auto checked = std::make_shared<Json>(node);
  config::throw_if_any(config::validate(*checked, read_schema(component), path, components));
  return checked;
}

}  // namespace selfsup::bridge
