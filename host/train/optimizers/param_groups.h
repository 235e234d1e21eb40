// Which learning rate and decay each parameter gets, by MMEngine's rules. Knows no optimizer and no value of a tensor.
#pragma once
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
// bias_decay_mult and flat_decay_mult. Where nothing speaks about decay, the role NO_DECAY means none. Where no custom
// key fits, the role LARS_EXCLUDE is the extra `lars_exclude`.
class ParamRules {
 public:
  explicit ParamRules(const Json& paramwise_cfg);  // null: no rules

  ParamSettings settings(const model::Entry& entry, double base_lr, double base_weight_decay) const;

 private:
  struct Custom {
    std::string key;
    double lr_mult, decay_mult;
    Json extras;
  };
  struct Mult {
    bool given = false;
    double value = 1;
  };
  std::vector<Custom> custom_;  // longest first
  Mult bias_lr_, bias_decay_, norm_decay_, flat_decay_;
};

// Parameters with equal settings, in order of declaration.
struct ParamGroup {
  ParamSettings settings;
  std::vector<const model::Entry*> entries;
};

// Of the trained parameters only. Groups are in order of their first parameter.
std::vector<ParamGroup> group_parameters(std::span<model::Entry* const> trained, const ParamRules& rules,
                                         double base_lr, double base_weight_decay);

}  // namespace selfsup::train
