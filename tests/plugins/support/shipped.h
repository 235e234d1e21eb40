// MMSelfSup's configurations as they are shipped, and its values to hold against them.
#pragma once
#include <string>
#include <vector>

#include "base/json.h"
#include "model/store.h"
#include "train/optimizers/param_groups.h"

namespace selfsup::testing {

// Below configs/selfsup, without ".json"; as `selfsup-host config` prints it.
Json shipped_config(const std::string& name);
// Its node `model` as the algorithm gets it.
Json model_of(const Json& tree);
std::vector<std::string> shipped_names();  // but those that are only bases

struct Row {
  const char *key, *value;  // value: JSON; "": the key is absent
};
void check_values(const Json& tree, const std::vector<Row>& rows);
extern const std::vector<Row> kRuntimeValues;  // of all of them

struct Rate {
  int64_t iteration;
  double lr;
};
// On ImageNet-1k, whose last batch of an epoch is kept.
void check_rates(const Json& tree, int64_t images_of_a_step, const std::vector<Rate>& rates);
// At every iteration that "lr_schedules" has of MMEngine's own run of this configuration.
void check_recorded_rates(const std::string& name);

std::vector<train::ParamGroup> groups_of(model::ParameterStore& store, const Json& tree);

}  // namespace selfsup::testing
