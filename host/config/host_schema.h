// The keys of the host itself, under MMEngine's names, and the schemas of its optimizers and schedules. Knows no
// values.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace selfsup::config {

// The schema of a whole configuration. Kinds of its components: "ssp.algorithm/0", "dataset", "transform", "optimizer",
// "scheduler".
const Json& host_schema();

// Schemas of the kinds "optimizer" and "scheduler"; null for an unknown type.
const Json* built_in_schema(std::string_view kind, std::string_view type);
std::vector<std::string> built_in_names(std::string_view kind);

// The dotted keys in `config` that configurations of MMEngine have and that mean nothing here (Python's machinery).
std::vector<std::string> keys_without_effect(const Json& config);

}  // namespace selfsup::config
