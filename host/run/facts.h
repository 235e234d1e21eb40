// Facts of a run that plugins may ask for: those that the configuration states, and those known once the data is there.
#pragma once
#include "base/json.h"
#include "bridge/components/algorithm.h"

namespace selfsup::run {

// From an unresolved tree; what is not stated, or not of the right type, is left out. Opens no data but the header of
// an idx file.
bridge::Facts stated_facts(const Json& tree);

}  // namespace selfsup::run
