// Which learning rate and decay each parameter gets, by MMEngine's rules. Knows no optimizer and no value of a tensor.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "model/store.h"

namespace selfsup::train {

struct ParamSettings {
  double lr = 0, weight_decay = 0;
  Json extras = Json::object();  // what else a custom key sets: lars_exclude, …

  bool operator==(const ParamSettings& other) const {
    return lr == other.lr && weight_decay == other.weight_decay && extras == other.extras;
  }
};

// The node `optim_wrapper.paramwise_cfg`. The longest custom key that is a substring of the full name wins, ties
// alphabetically, and decides alone. Otherwise bias_lr_mult, then the first that applies of norm_decay_mult,
// bias_decay_mult and flat_decay_mult. Keys that yield, those of a plugin's defaults, say among themselves what none of
// these says. Where nothing speaks about decay, the role NO_DECAY means none. Where no custom key fits, the role
// LARS_EXCLUDE is the extra `lars_exclude`.
class ParamRules {
 public:
  explicit ParamRules(const Json& paramwise_cfg);  // null: no rules

  ParamSettings settings(const model::Entry& entry, double base_lr, double base_weight_decay) const;

 private:
  struct Custom {
    std::string key;
    std::optional<double> lr_mult, decay_mult;
    Json extras;
    bool yields;
  };
  const Custom* longest(const std::string& name, bool yielding) const;
  std::optional<double> lr_by_type(const model::Entry& entry) const;
  std::optional<double> decay_by_type(const model::Entry& entry) const;

  std::vector<Custom> custom_;  // longest first
  std::optional<double> bias_lr_, bias_decay_, norm_decay_, flat_decay_;
};

// Holds still the trained parameters whose rate those rules make 0: they get no gradient, and so no optimizer's state
// and no decay. Before they are in a graph. Returns what the log is to be told of them; empty: there are none.
// Error(usage) when that leaves nothing to train.
std::string hold_still(model::ParameterStore& store, const ParamRules& rules);

// Parameters with equal settings, in order of declaration.
struct ParamGroup {
  ParamSettings settings;
  std::vector<const model::Entry*> entries;
};

// Of the trained parameters only. Groups are in order of their first parameter.
std::vector<ParamGroup> group_parameters(std::span<model::Entry* const> trained, const ParamRules& rules,
                                         double base_lr, double base_weight_decay);

}  // namespace selfsup::train
