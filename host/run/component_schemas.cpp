#include "run/component_schemas.h"

#include <fmt/format.h>

#include "bridge/components/algorithm.h"
#include "config/host_schema.h"
#include "data/datasets/dataset.h"
#include "data/schema.h"
#include "ssp/entry.h"

namespace selfsup::run {
namespace {

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
  if (kind == "dataset") {
    const data::DatasetType* own = data::dataset_types().find(type.empty() ? data::kDefaultDataset : type);
    return own ? &own->schema : nullptr;
  }
  if (const std::string_view text = kind == "transform" ? data::transform_schema(type) : ""; !text.empty()) {
    const auto key = std::make_pair(std::string(kind), std::string(type));
    if (const auto known = read_.find(key); known != read_.end()) return &known->second;
    return &read_.emplace(key, config::parse_schema(text, fmt::format("{} '{}'", kind, type))).first->second;
  }
  const plugin::Component* component = registry_.find_if_any(plugin_kind(kind), type);
  return component ? &bridge::component_schema(*component) : nullptr;
}

std::vector<std::string> ComponentSchemaCache::names(std::string_view kind) const {
  if (kind == "dataset") return data::dataset_types().names();
  std::vector<std::string> names = config::built_in_names(kind);
  if (kind == "transform")
    for (const std::string_view name : data::transform_types()) names.emplace_back(name);
  for (const plugin::Component* component : registry_.of_kind(plugin_kind(kind))) names.push_back(component->name);
  return names;
}

}  // namespace selfsup::run
