#include "bridge/components/config_keys.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/nearest.h"
#include "bridge/components/algorithm.h"
#include "bridge/status.h"

namespace selfsup::bridge {
namespace {

bool is_number(std::string_view part) {
  return !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
}

// What a property's own schema says of the node behind it: of a nested component, its schema, found by the node's type,
// and the keys that the outer one claims. False: any key goes.
bool open_property(const Json& schema, const Json* node, const plugin::Registry* registry, KeysAt& out) {
  const Json* kind = schema.find("x-ssp-component");
  if (!kind) {
    out.schemas.push_back(&schema);
    return true;
  }
  const Json* type = node && node->is_object() ? node->find("type") : nullptr;
  const plugin::Component* component =
      registry && type && type->is_string() ? registry->find_if_any(kind->as_string(), type->as_string()) : nullptr;
  if (!component) return false;
  out.schemas.push_back(&component_schema(*component));
  out.schemas.push_back(&schema);  // its x-ssp-claims
  return true;
}

// One part of a key. False: any key goes from here on. out stays empty when no schema has it.
bool step(const KeysAt& keys, std::string_view part, const Json* node, const plugin::Registry* registry, KeysAt& out,
          std::vector<std::string>& known) {
  for (const Json* schema : keys.schemas) {
    const Json *properties = schema->find("properties"), *claims = schema->find("x-ssp-claims");
    for (const Json* group : {properties, claims}) {
      if (!group) continue;
      for (const auto& [name, property] : group->as_object()) known.push_back(name);
      if (const Json* property = group->find(part); property && !open_property(*property, node, registry, out))
        return false;
    }
    if (const Json* items = schema->find("items"); items && is_number(part)) {
      if (!open_property(*items, node, registry, out)) return false;
    }
    const Json* type = schema->find("type");
    const auto says = [&](const char* name) {
      if (!type) return true;
      if (type->is_string()) return type->as_string() == name;
      const Json::Array& names = type->as_array();
      return std::any_of(names.begin(), names.end(), [&](const Json& n) { return n.as_string() == name; });
    };
    const bool free_object = says("object") && !properties && !schema->find("x-ssp-component");
    const bool free_array = says("array") && !schema->find("items") && is_number(part);
    if (free_object || free_array) return false;
  }
  return true;
}

}  // namespace

KeysAt keys_below(const KeysAt& keys, const Json* node, std::string_view dotted, const plugin::Registry* registry,
                  const char* what) {
  KeysAt at = keys;
  std::string_view rest = dotted;
  while (!rest.empty() && !at.schemas.empty()) {
    const size_t dot = rest.find('.');
    const std::string_view part = rest.substr(0, dot);
    rest = dot == std::string_view::npos ? std::string_view() : rest.substr(dot + 1);
    if (node) node = node->at_path(part);
    KeysAt next;
    std::vector<std::string> known;
    if (!step(at, part, node, registry, next, known)) return {};
    // Every object may say its type, as the configuration does.
    if (next.schemas.empty() && part == "type" && rest.empty()) return {};
    if (next.schemas.empty()) {
      fail(SSP_E_ARGUMENT,
           fmt::format("{}('{}'): the component's schema has no property '{}'{}; add it to the schema, or "
                       "correct the key",
                       what, dotted, part, suggestion(part, known)));
    }
    at = std::move(next);
  }
  return at;
}

}  // namespace selfsup::bridge
