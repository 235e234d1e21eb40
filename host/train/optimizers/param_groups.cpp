#include "train/optimizers/param_groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/errors.h"
#include "model/roles.h"

namespace selfsup::train {
namespace {

bool is_bias(const model::Entry& entry) {
  return (entry.roles & model::role_bias) || entry.name == "bias" || entry.name.ends_with(".bias");
}

}  // namespace

ParamRules::ParamRules(const Json& cfg) {
  if (cfg.is_null()) return;
  const auto read = [](const Json& node, const char* key) {
    return node.has(key) ? std::optional(node.get(key).as_double()) : std::nullopt;
  };
  bias_lr_ = read(cfg, "bias_lr_mult");
  bias_decay_ = read(cfg, "bias_decay_mult");
  norm_decay_ = read(cfg, "norm_decay_mult");
  flat_decay_ = read(cfg, "flat_decay_mult");
  if (const Json* keys = cfg.find("custom_keys")) {
    for (const auto& [key, value] : keys->as_object()) {
      Custom custom{key, read(value, "lr_mult"), read(value, "decay_mult"), value, value.get_bool("yields", false)};
      for (const char* own : {"lr_mult", "decay_mult", "yields"}) custom.extras.erase(own);
      custom_.push_back(std::move(custom));
    }
  }
  std::ranges::sort(custom_, [](const Custom& a, const Custom& b) {
    return a.key.size() != b.key.size() ? a.key.size() > b.key.size() : a.key < b.key;
  });
}

const ParamRules::Custom* ParamRules::longest(const std::string& name, bool yielding) const {
  for (const Custom& custom : custom_)
    if (custom.yields == yielding && name.find(custom.key) != std::string::npos) return &custom;
  return nullptr;
}

std::optional<double> ParamRules::lr_by_type(const model::Entry& entry) const {
  return is_bias(entry) && !(entry.roles & model::role_norm) ? bias_lr_ : std::nullopt;
}

std::optional<double> ParamRules::decay_by_type(const model::Entry& entry) const {
  if ((entry.roles & model::role_norm) && norm_decay_) return norm_decay_;
  if (is_bias(entry) && bias_decay_) return bias_decay_;
  return entry.tensor.dim() == 1 ? flat_decay_ : std::nullopt;
}

ParamSettings ParamRules::settings(const model::Entry& entry, double base_lr, double base_decay) const {
  // MMEngine joins the module's path and the leaf with a dot even when the path is empty.
  const std::string name = entry.name.find('.') == std::string::npos ? "." + entry.name : entry.name;
  const Custom *stated = longest(name, false), *otherwise = longest(name, true);
  std::optional<double> lr = stated ? stated->lr_mult : lr_by_type(entry),
                        decay = stated ? stated->decay_mult : decay_by_type(entry);
  if (!lr && otherwise) lr = otherwise->lr_mult;
  if (!decay && otherwise) decay = otherwise->decay_mult;
  if (!decay && !stated && !otherwise && (entry.roles & model::role_no_decay)) decay = 0;

  ParamSettings settings{base_lr * lr.value_or(1), base_decay * decay.value_or(1)};
  for (const Custom* custom : {otherwise, stated})
    if (custom)
      for (const auto& [key, value] : custom->extras.as_object()) settings.extras.set(key, value);
  if (!stated && !otherwise && (entry.roles & model::role_lars_exclude)) settings.extras.set("lars_exclude", true);
  return settings;
}

std::string hold_still(model::ParameterStore& store, const ParamRules& rules) {
  std::map<std::string, int64_t> tensors;  // by component
  int64_t count = 0, numbers = 0;
  for (model::Entry* entry : store.trained()) {
    if (rules.settings(*entry, 1, 0).lr != 0) continue;
    entry->kind = model::Kind::frozen;
    entry->held = true;
    entry->tensor.set_requires_grad(false);
    ++tensors[entry->name.substr(0, entry->name.find('.'))];
    numbers += entry->tensor.numel();
    ++count;
  }
  if (tensors.empty()) return {};
  if (store.trained().empty())
    throw Error(Exit::usage,
                "optim_wrapper.paramwise_cfg: factors of the learning rate are 0 for all parameters: nothing is left "
                "to train");
  std::string text;
  for (const auto& [component, of_it] : tensors)
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", component, of_it);
  return fmt::format("frozen by lr_mult 0 (optim_wrapper.paramwise_cfg): {} tensors with {} numbers: {}", count,
                     numbers, text);
}

std::vector<ParamGroup> group_parameters(std::span<model::Entry* const> trained, const ParamRules& rules,
                                         double base_lr, double base_decay) {
  std::vector<ParamGroup> groups;
  for (const model::Entry* entry : trained) {
    ParamSettings settings = rules.settings(*entry, base_lr, base_decay);
    auto group = std::ranges::find_if(groups, [&](const ParamGroup& g) { return g.settings == settings; });
    if (group == groups.end()) {
      groups.push_back({std::move(settings), {}});
      group = groups.end() - 1;
    }
    group->entries.push_back(entry);
  }
  return groups;
}

}  // namespace selfsup::train
