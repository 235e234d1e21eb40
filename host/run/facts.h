// Facts of a run that plugins may ask for: those that the configuration states, and those known once the data is there.
#pragma once
#include "base/json.h"
#include "bridge/components/algorithm.h"
#include "config/run_config.h"
#include "distributed/group.h"
#include "run/data.h"
#include "train/course.h"

namespace selfsup::run {

// From an unresolved tree; what is not stated, or not of the right type, is left out: views and their sizes too, unless
// a pipeline is stated that gives every image the same ones. Opens no data but the header of an idx file.
bridge::Facts stated_facts(const Json& tree, const distributed::Group& group);

// All but those of the preprocessing. course: at its start.
bridge::Facts known_facts(const config::RunConfig& config, const Data& data, const train::Course& course,
                          const distributed::Group& group);

}  // namespace selfsup::run
