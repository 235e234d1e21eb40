#include "train/optimizers/param_groups.h"

#include <algorithm>

#include "model/roles.h"

namespace selfsup::train {
namespace {

bool is_bias(const model::Entry& entry) {
  return (entry.roles & model::role_bias) || entry.name == "bias" || entry.name.ends_with(".bias");
}

}  // namespace

ParamRules::ParamRules(const Json& cfg) {
  if (cfg.is_null()) return;
  const auto read = [&](const char* key) { return cfg.has(key) ? Mult{true, cfg.get(key).as_double()} : Mult{}; };
  bias_lr_ = read("bias_lr_mult");
  bias_decay_ = read("bias_decay_mult");
  norm_decay_ = read("norm_decay_mult");
  flat_decay_ = read("flat_decay_mult");
  if (const Json* keys = cfg.find("custom_keys")) {
    for (const auto& [key, value] : keys->as_object()) {
      Custom custom{key, value.get_double("lr_mult", 1), value.get_double("decay_mult", 1), value};
      custom.extras.erase("lr_mult");
      custom.extras.erase("decay_mult");
      custom_.push_back(std::move(custom));
    }
  }
  std::ranges::sort(custom_, [](const Custom& a, const Custom& b) {
    return a.key.size() != b.key.size() ? a.key.size() > b.key.size() : a.key < b.key;
  });
}

ParamSettings ParamRules::settings(const model::Entry& entry, double base_lr, double base_decay) const {
  // MMEngine joins the module's path and the leaf with a dot even when the path is empty.
  const std::string name = entry.name.find('.') == std::string::npos ? "." + entry.name : entry.name;
  for (const Custom& custom : custom_)
    if (name.find(custom.key) != std::string::npos)
      return {base_lr * custom.lr_mult, base_decay * custom.decay_mult, custom.extras};

  ParamSettings settings{base_lr, base_decay};
  const bool norm = entry.roles & model::role_norm, bias = is_bias(entry);
  if (bias && !norm && bias_lr_.given) settings.lr = base_lr * bias_lr_.value;
  if (norm && norm_decay_.given) {
    settings.weight_decay = base_decay * norm_decay_.value;
  } else if (bias && bias_decay_.given) {
    settings.weight_decay = base_decay * bias_decay_.value;
  } else if (entry.tensor.dim() == 1 && flat_decay_.given) {
    settings.weight_decay = base_decay * flat_decay_.value;
  } else if (entry.roles & model::role_no_decay) {
    settings.weight_decay = 0;
  }
  if (entry.roles & model::role_lars_exclude) settings.extras.set("lars_exclude", true);
  return settings;
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
