#include "run/component_schemas.h"

#include <catch2/catch.hpp>
#include <functional>
#include <string>
#include <vector>

#include "bridge/components/algorithm.h"
#include "bridge/host.h"
#include "config/host_schema.h"

namespace selfsup::run {

TEST_CASE("every integer that is computed with has a maximum") {
  std::vector<std::string> all, open;
  const std::function<void(const Json&, const std::string&)> visit = [&](const Json& schema, const std::string& path) {
    const Json* type = schema.find("type");
    if (type && to_text(*type).find("integer") != std::string::npos && !schema.has("enum")) {
      all.push_back(path);
      if (!schema.has("maximum")) open.push_back(path);
    }
    for (const char* key : {"items", "x-ssp-each"})
      if (const Json* inner = schema.find(key)) visit(*inner, path + "[]");
    for (const char* key : {"properties", "x-ssp-claims"})
      if (const Json* inner = schema.find(key))
        for (const auto& [name, each] : inner->as_object()) visit(each, path + "." + name);
  };
  visit(config::host_schema(), "");
  const bridge::Host host;
  const plugin::Registry registry(host.table());
  const config::ComponentSchemas schemas = component_schemas(registry);
  for (const char* kind : {"optimizer", "scheduler", "dataset", "transform"})
    for (const std::string& name : schemas.names(kind)) visit(*schemas.find(kind, name), name);
  CHECK(all.size() > 40);
  // Of no effect, or seeds.
  CHECK(open == std::vector<std::string>{".train_cfg.val_interval", ".env_cfg.resource_limit", ".randomness.seed",
                                         "shapes.seed"});
}

TEST_CASE("types that are known by name only are refused with the names that there are") {
  const bridge::Host host;
  const plugin::Registry registry(host.table());
  const auto refused = [&](const char* kind, const char* type) {
    Json value = Json(Json::Object{{"type", type}});
    const Json schema(Json::Object{{"type", "object"}, {"x-ssp-component", kind}});
    const auto problems = config::validate(value, schema, "it", component_schemas(registry));
    REQUIRE(!problems.empty());
    return problems[0].text;
  };
  CHECK_THAT(refused("optimizer", "Lion"), Catch::Contains("named 'Lion'; there are Adam, AdamW, SGD, LARS"));
  CHECK_THAT(refused("scheduler", "OneCycleLR"), Catch::Contains("named 'OneCycleLR'") && Catch::Contains("LinearLR"));
  CHECK_THAT(refused("dataset", "CIFAR10"), Catch::Contains("named 'CIFAR10'") && Catch::Contains("image_folder"));
}

}  // namespace selfsup::run
