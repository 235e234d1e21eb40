// Where the schemas of nested components come from: plugins and the registries of built-in types. Checks nothing
// itself.
#pragma once
#include <string>
#include <vector>

#include "config/schema.h"
#include "plugin/registry.h"

namespace selfsup::run {

class ComponentSchemaCache {
 public:
  explicit ComponentSchemaCache(const plugin::Registry& registry) : registry_(registry) {}
  // Valid as long as this object.
  config::ComponentSchemas lookup() const;

 private:
  const Json* find(std::string_view kind, std::string_view type) const;
  void refuse_namesake(std::string_view kind, std::string_view name) const;
  std::vector<std::string> names(std::string_view kind) const;

  const plugin::Registry& registry_;
};

}  // namespace selfsup::run
