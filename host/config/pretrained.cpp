#include "config/pretrained.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/errors.h"
#include "config/schema.h"

namespace selfsup::config {
namespace {

bool says_pretrained(const Json& init_cfg) {
  const Json* type = init_cfg.find("type");
  return type && type->is_string() && type->as_string() == "Pretrained";
}

// One of them, or a list of what is done in turn.
void set_aside(Json& node, const std::string& component, InitCfgs& aside) {
  Json* init_cfg = node.find("init_cfg");
  if (!init_cfg) return;
  if (says_pretrained(*init_cfg)) {
    aside.emplace_back(component, *init_cfg);
    node.erase("init_cfg");
  } else if (init_cfg->is_array() && std::ranges::any_of(init_cfg->as_array(), says_pretrained)) {
    aside.emplace_back(component, *init_cfg);
    std::erase_if(init_cfg->as_array(), says_pretrained);
    if (init_cfg->as_array().empty()) node.erase("init_cfg");
  }
}

const Json& schema() {
  static const Json schema = parse_schema(R"({
    "type": "object",
    "properties": {
      "type": {"type": "string", "enum": ["Pretrained"]},
      "checkpoint": {"type": "string"},
      "prefix": {"type": ["string", "null"]},
      "map_location": {"type": ["string", "null"], "x-ssp-idle": true}},
    "required": ["type", "checkpoint"]})",
                                          "init_cfg");
  return schema;
}

Pretrained read(Json node, const std::string& component) {
  const std::string key = component.empty() ? "model.init_cfg" : fmt::format("model.{}.init_cfg", component);
  throw_if_any(validate(node, schema(), key, {}));
  const Json& checkpoint = node.get("checkpoint");
  std::error_code failed;
  if (!std::filesystem::exists(checkpoint.as_string(), failed))
    throw Error(Exit::usage, fmt::format("{}: {}.checkpoint: there is no file or folder {}{}",
                                         describe(checkpoint.source), key, checkpoint.as_string(),
                                         checkpoint.as_string().find("://") != std::string::npos
                                             ? "; nothing is fetched: download it, and give the path"
                                             : ""));
  const Json* prefix = node.find("prefix");
  return {component, fmt::format("{}: {}", describe(node.source), key), checkpoint.as_string(),
          prefix && prefix->is_string() ? prefix->as_string() : ""};
}

}  // namespace

InitCfgs set_aside_pretrained(Json& model) {
  InitCfgs aside;
  if (!model.is_object()) return aside;
  set_aside(model, "", aside);
  for (auto& [key, member] : model.as_object())
    if (member.is_object()) set_aside(member, key, aside);
  return aside;
}

void put_back(Json& model, const InitCfgs& aside) {
  for (const auto& [component, init_cfg] : aside)
    (component.empty() ? model : *model.find(component)).set("init_cfg", init_cfg);
}

std::vector<Pretrained> read_pretrained(const InitCfgs& aside) {
  std::vector<Pretrained> all;
  for (const auto& [component, init_cfg] : aside)
    for (const Json& each : init_cfg.is_array() ? init_cfg.as_array() : Json::Array{init_cfg})
      if (says_pretrained(each)) all.push_back(read(each, component));
  return all;
}

}  // namespace selfsup::config
