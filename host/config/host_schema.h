// The keys of the host itself, under MMEngine's names. Knows no values, and no component's keys.
#pragma once
#include <string>
#include <vector>

#include "base/json.h"

namespace selfsup::config {

// The schema of a whole configuration. Kinds of its components: "ssp.algorithm/0", "dataset", "transform", "optimizer",
// "scheduler".
const Json& host_schema();

// The dotted keys in `config` that configurations of MMEngine have and that mean nothing here (Python's machinery).
std::vector<std::string> keys_without_effect(const Json& config);

}  // namespace selfsup::config
