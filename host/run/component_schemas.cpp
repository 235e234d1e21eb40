#include "run/component_schemas.h"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "base/errors.h"
#include "base/type_name.h"
#include "bridge/components/algorithm.h"
#include "data/datasets/dataset.h"
#include "data/transforms/transform.h"
#include "ssp/entry.h"
#include "train/optimizers/optimizer.h"
#include "train/schedules/schedules.h"

namespace selfsup::run {
namespace {

// Transforms are of plugins and of the data room, under one kind.
std::string_view plugin_kind(std::string_view kind) { return kind == "transform" ? SSP_KIND_TRANSFORM : kind; }

// Neither the host's nor a plugin's transform wins by silence.
void refuse_namesake(const plugin::Registry& registry, std::string_view kind, std::string_view name) {
  for (const plugin::Component* other : registry.of_kind(plugin_kind(kind))) {
    if (other->name != name) continue;
    throw Error(Exit::usage,
                fmt::format("the host has a {0} \"{1}\", and so has {2}; write \"{3}:{1}\" or \"{4}:{1}\"", kind, name,
                            plugin::describe(other->plugin->file), kBuiltIn, other->plugin->file.note.id));
  }
}

const Json* find(const plugin::Registry& registry, std::string_view kind, std::string_view type) {
  const auto schema_in = [&](const auto& types, std::string_view name) {
    const auto* own = types.find(name);
    return own ? &own->schema : nullptr;
  };
  if (kind == "optimizer") return schema_in(train::optimizer_types(), type);
  if (kind == "scheduler") return schema_in(train::scheduler_types(), type);
  if (kind == "dataset") return schema_in(data::dataset_types(), type.empty() ? data::kDefaultDataset : type);
  const TypeName asked = split_type(type);
  const bool built_in = kind == "transform" && (asked.owner.empty() || asked.owner == kBuiltIn);
  if (const Json* own = built_in ? schema_in(data::transform_types(), asked.name) : nullptr) {
    if (asked.owner.empty()) refuse_namesake(registry, kind, type);
    return own;
  }
  const plugin::Component* component = registry.find_if_any(plugin_kind(kind), type);
  return component ? &bridge::component_schema(*component) : nullptr;
}

std::vector<std::string> names_of(const plugin::Registry& registry, std::string_view kind) {
  if (kind == "optimizer") return train::optimizer_types().names();
  if (kind == "scheduler") return train::scheduler_types().names();
  if (kind == "dataset") return data::dataset_types().names();
  std::vector<std::string> names;
  if (kind == "transform") names = data::transform_types().names();
  for (std::string& name : registry.names(plugin_kind(kind))) names.push_back(std::move(name));
  return names;
}

}  // namespace

config::ComponentSchemas component_schemas(const plugin::Registry& registry) {
  return {[&](std::string_view kind, std::string_view type) { return find(registry, kind, type); },
          [&](std::string_view kind) { return names_of(registry, kind); },
          [&](std::string_view kind, std::string_view type) { return registry.remedy(plugin_kind(kind), type); }};
}

}  // namespace selfsup::run
