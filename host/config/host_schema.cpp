#include "config/host_schema.h"

#include <map>
#include <utility>

#include "config/host_schema_text.h"
#include "config/layers.h"
#include "config/schema.h"

namespace selfsup::config {
namespace {

using Table = std::map<std::string, Json, std::less<>>;

Table optimizers() {
  Table table;
  table.emplace("SGD", parse_schema(kSgd, "SGD"));
  const Json adam = parse_schema(kAdam, "Adam");
  Json adamw = adam;
  adamw.find("properties")->find("weight_decay")->set("default", 0.01);
  table.emplace("Adam", adam);
  table.emplace("AdamW", std::move(adamw));
  return table;
}

Table schedulers() {
  const Json common = parse_schema(kSchedulerCommon, "a scheduler"),
             param_name = parse_schema(kParamName, "param_name");
  const Json shapes = parse_json(kSchedulerShapes, "the schemas of schedulers", "schema");
  Table table;
  for (const auto& [shape, own] : shapes.as_object()) {
    Json schema = merge(common, own);
    for (const char* quantity : {"LR", "Momentum"}) table.emplace(shape + quantity, schema);
    schema.find("properties")->set("param_name", param_name);
    schema.find("required")->as_array().emplace_back("param_name");
    table.emplace(shape + "ParamScheduler", std::move(schema));
  }
  return table;
}

const Table* table_of(std::string_view kind) {
  static const Table of_optimizers = optimizers(), of_schedulers = schedulers();
  return kind == "optimizer" ? &of_optimizers : kind == "scheduler" ? &of_schedulers : nullptr;
}

std::string with_preprocessor(std::string text) {
  static constexpr std::string_view mark = "@PREPROCESSOR@";
  for (size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at))
    text.replace(at, mark.size(), kDataPreprocessor);
  return text;
}

void collect_idle(const Json& config, const Json& schema, const std::string& path, std::vector<std::string>& found) {
  if (const Json* properties = schema.find("properties"))
    for (const auto& [key, inner] : properties->as_object()) {
      const Json* value = config.find(key);
      if (!value) continue;
      const std::string below = path.empty() ? key : path + "." + key;
      if (inner.get_bool("x-ssp-idle", false)) {
        found.push_back(below);
      } else {
        collect_idle(*value, inner, below, found);
      }
    }
}

}  // namespace

const Json& host_schema() {
  static const Json schema = parse_schema(with_preprocessor(kHostTop), "the host");
  return schema;
}

const Json* built_in_schema(std::string_view kind, std::string_view type) {
  const Table* table = table_of(kind);
  if (!table) return nullptr;
  const auto found = table->find(type);
  return found == table->end() ? nullptr : &found->second;
}

std::vector<std::string> built_in_names(std::string_view kind) {
  std::vector<std::string> names;
  if (const Table* table = table_of(kind))
    for (const auto& [name, schema] : *table) names.push_back(name);
  return names;
}

std::vector<std::string> keys_without_effect(const Json& config) {
  std::vector<std::string> found;
  collect_idle(config, host_schema(), "", found);
  return found;
}

}  // namespace selfsup::config
