#include "run/component_schemas.h"

#include <fmt/format.h>

#include "base/errors.h"
#include "base/type_name.h"
#include "bridge/components/algorithm.h"
#include "config/host_schema.h"
#include "data/schema.h"
#include "ssp/entry.h"

namespace selfsup::run {
namespace {

std::string_view data_schema(std::string_view kind, std::string_view type) {
  if (kind == "dataset") return data::dataset_schema(type.empty() ? "image_folder" : type);
  if (kind == "transform") return data::transform_schema(type);
  return {};
}

// Transforms are of plugins and of the data room, under one kind.
std::string_view plugin_kind(std::string_view kind) { return kind == "transform" ? SSP_KIND_TRANSFORM : kind; }

}  // namespace

config::ComponentSchemas ComponentSchemaCache::lookup() const {
  return {[this](std::string_view kind, std::string_view type) { return find(kind, type); },
          [this](std::string_view kind) { return names(kind); },
          [this](std::string_view kind, std::string_view type) { return registry_.remedy(plugin_kind(kind), type); }};
}

const Json* ComponentSchemaCache::find(std::string_view kind, std::string_view type) const {
  if (const Json* own = config::built_in_schema(kind, type)) return own;
  const TypeName asked = split_type(type);
  const bool built_in = asked.owner.empty() || (kind == "transform" && asked.owner == kBuiltIn);
  const std::string_view text = built_in ? data_schema(kind, asked.name) : std::string_view();
  if (!text.empty()) {
    if (asked.owner.empty()) refuse_namesake(kind, type);
    const auto key = std::make_pair(std::string(kind), std::string(asked.name));
    if (const auto known = read_.find(key); known != read_.end()) return &known->second;
    return &read_.emplace(key, config::parse_schema(text, fmt::format("{} '{}'", kind, asked.name))).first->second;
  }
  const plugin::Component* component = registry_.find_if_any(plugin_kind(kind), type);
  return component ? &bridge::component_schema(*component) : nullptr;
}

// Neither the host's nor a plugin's transform wins by silence.
void ComponentSchemaCache::refuse_namesake(std::string_view kind, std::string_view name) const {
  for (const plugin::Component* other : registry_.of_kind(plugin_kind(kind))) {
    if (other->name != name) continue;
    throw Error(Exit::usage,
                fmt::format("the host has a {0} \"{1}\", and so has {2}; write \"{3}:{1}\" or \"{4}:{1}\"", kind, name,
                            plugin::describe(other->plugin->file), kBuiltIn, other->plugin->file.note.id));
  }
}

std::vector<std::string> ComponentSchemaCache::names(std::string_view kind) const {
  std::vector<std::string> names = config::built_in_names(kind);
  if (kind == "dataset")
    for (const std::string_view name : data::dataset_types()) names.emplace_back(name);
  if (kind == "transform")
    for (const std::string_view name : data::transform_types()) names.emplace_back(name);
  for (std::string& name : registry_.names(plugin_kind(kind))) names.push_back(std::move(name));
  return names;
}

}  // namespace selfsup::run
