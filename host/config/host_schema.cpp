#include "config/host_schema.h"

#include <map>

#include "config/host_schema_text.h"
#include "config/schema.h"

namespace selfsup::config {
namespace {

using Table = std::map<std::string, Json, std::less<>>;

Table optimizers() {
  const std::string common = R"("type": {"type": "string"}, "lr": {"type": "number", "minimum": 0},
    "weight_decay": {"type": "number", "minimum": 0})";
  const std::string adam = R"({"type": "object", "properties": {)" + common + R"(,
    "betas": {"type": "array", "items": {"type": "number", "minimum": 0}, "minItems": 2, "maxItems": 2},
    "eps": {"type": "number", "minimum": 0}}, "required": ["lr"]})";
  const std::string sgd = R"({"type": "object", "properties": {)" + common + R"(,
    "momentum": {"type": "number", "minimum": 0}, "dampening": {"type": "number", "minimum": 0},
    "nesterov": {"type": "boolean"}}, "required": ["lr"]})";
  Table table;
  for (const char* name : {"AdamW", "Adam"}) table.emplace(name, parse_schema(adam, name));
  table.emplace("SGD", parse_schema(sgd, "SGD"));
  return table;
}

Table schedulers() {
  struct Shape {
    const char *name, *properties, *required;
  };
  static constexpr Shape shapes[] = {
      {"Constant", R"("factor": {"type": "number", "exclusiveMinimum": 0, "maximum": 1})", ""},
      {"Linear", R"("start_factor": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
                    "end_factor": {"type": "number", "minimum": 0, "maximum": 1})",
       ""},
      {"CosineAnnealing",
       R"("T_max": {"type": "integer", "minimum": 1, "maximum": 1000000000}, "eta_min": {"type": ["number", "null"]},
                             "eta_min_ratio": {"type": ["number", "null"]})",
       ""},
      {"MultiStep",
       R"("milestones": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 1000000000}}, "gamma": {"type": "number"})",
       R"("milestones")"},
      {"Step", R"("step_size": {"type": "integer", "minimum": 1, "maximum": 1000000000}, "gamma": {"type": "number"})",
       R"("step_size")"},
      {"Exponential", R"("gamma": {"type": "number"})", R"("gamma")"},
      {"Poly", R"("power": {"type": "number"}, "eta_min": {"type": ["number", "null"]})", ""}};
  Table table;
  for (const Shape& shape : shapes) {
    const std::string begin = R"({"type": "object", "properties": {"type": {"type": "string"},
      "begin": {"type": "integer", "minimum": 0, "maximum": 1000000000},
      "end": {"type": "integer", "minimum": 0, "maximum": 1000000000},
      "by_epoch": {"type": "boolean"}, "convert_to_iter_based": {"type": "boolean"},
      "last_step": {"type": "integer", "enum": [-1]}, "verbose": {"type": "boolean"}, )";
    const std::string end = std::string(shape.properties) + "}, \"required\": [" + shape.required + "]}";
    for (const char* quantity : {"LR", "Momentum"})
      table.emplace(std::string(shape.name) + quantity, parse_schema(begin + end, shape.name));
    table.emplace(
        std::string(shape.name) + "ParamScheduler",
        parse_schema(begin + R"("param_name": {"type": "string", "enum": ["lr", "momentum", "weight_decay"]}, )" + end,
                     shape.name));
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
  static constexpr const char* keys[] = {"default_scope",
                                         "log_level",
                                         "launcher",
                                         "log_processor",
                                         "vis_backends",
                                         "visualizer",
                                         "custom_hooks",
                                         "custom_imports",
                                         "cfg",
                                         "train_cfg.val_interval",
                                         "default_hooks.runtime_info",
                                         "default_hooks.timer",
                                         "default_hooks.param_scheduler",
                                         "default_hooks.sampler_seed",
                                         "default_hooks.visualization",
                                         "find_unused_parameters",
                                         "sync_bn",
                                         "env_cfg.cudnn_benchmark",
                                         "env_cfg.dist_cfg",
                                         "env_cfg.mp_cfg",
                                         "env_cfg.resource_limit",
                                         "randomness.diff_rank_seed",
                                         "train_dataloader.persistent_workers",
                                         "train_dataloader.pin_memory",
                                         "train_dataloader.collate_fn",
                                         "train_dataloader.batch_sampler",
                                         "optim_wrapper.paramwise_cfg.bypass_duplicate"};
  std::vector<std::string> found;
  for (const char* key : keys)
    if (config.at_path(key)) found.emplace_back(key);
  return found;
}

}  // namespace selfsup::config
