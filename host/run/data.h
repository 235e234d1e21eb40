// What a run learns from: dataset, pipeline, the shapes of all views, and the loader over them. Knows no model.
#pragma once
#include <memory>
#include <vector>

#include "config/run_config.h"
#include "data/loader/loader.h"
#include "device/device.h"
#include "launch/ranks.h"
#include "run/prepared.h"

namespace selfsup::run {

struct Data {
  std::unique_ptr<data::Dataset> dataset;
  data::Pipeline pipeline;
  std::vector<data::ImageShape> views;  // of one sample, in order; at least one
};

// What a run says of its image files. Listing them ends where a stop is asked for: Error with its code. ranks: those
// that open the sets with it, or this process alone.
data::Reading reading_of(const config::RunConfig& config, const launch::Ranks& ranks = {});

// Reads listings and labels, and tries the pipeline on a black image, or on the first that it can use.
Data open_data(const Prepared& prepared, const config::RunConfig& config);

// device: where batches go; it is looked at when the first is made, so that it may be chosen later. Error(usage) when
// an epoch would have no batch, Error(data) when too many images are known to be bad, or turn out so in the first
// batch; later whoever trains is to look at bad().
data::Loader make_loader(const Data& data, const config::DataConfig& config, const launch::Ranks& ranks, uint64_t seed,
                         std::vector<data::BadFile> known_bad, const device::Device& device);

}  // namespace selfsup::run
