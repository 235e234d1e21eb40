// Facts of a run that plugins may ask for: those that the configuration states, and those known once the data is there.
#pragma once
#include <vector>

#include "base/json.h"
#include "bridge/components/algorithm.h"
#include "config/run_config.h"
#include "launch/ranks.h"
#include "run/data.h"
#include "train/course.h"

namespace selfsup::run {

// From an unresolved tree; what is not stated, or not of the right type, is left out: views and their sizes too, unless
// a pipeline is stated that gives every image the same ones. Opens no data but the header of an idx file.
bridge::Facts stated_facts(const Json& tree, const launch::Ranks& ranks);

// What a run's data turned out to be.
struct SeenData {
  int64_t length = 0;                   // images
  std::vector<data::ImageShape> views;  // of one sample, in order; at least one
};
inline SeenData seen(const Data& data) { return {data.dataset->size(), data.views}; }

// The views, to and from a checkpoint's manifest: [[height, width, channels], …].
inline constexpr const char *views_key = "views", *length_key = "dataset_length";
Json views_json(const std::vector<data::ImageShape>& views);
std::vector<data::ImageShape> parse_views(const Json& views, const std::string& source);  // Error(checkpoint)
// The number of images, likewise.
int64_t parse_length(const Json& length, const std::string& source);

// All but those of the preprocessing. course: at its start.
bridge::Facts known_facts(const config::RunConfig& config, const SeenData& data, const train::Course& course,
                          const launch::Ranks& ranks);

// How long a run is whose epochs have that many batches.
train::Length length_of(const config::RunConfig& config, int64_t epoch_iters);

}  // namespace selfsup::run
