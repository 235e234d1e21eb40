// A few samples spread over a data set, as training sees them. Knows no algorithm.
#pragma once
#include <cstdint>
#include <functional>

#include "data/datasets/dataset.h"
#include "data/loader/batch.h"
#include "data/transforms/pipeline.h"

namespace selfsup::evaluate {

// What an epoch of a run with that seed sees of an image. Throws data::BadImage.
data::Sample sample_of(const data::Dataset& dataset, const data::Pipeline& pipeline, int64_t index, uint64_t seed,
                       uint64_t epoch);

// Hands over `count` samples, or all that the set has, one after the other: each a different one and none whose image
// is bad, as in an epoch of a run with that seed.
void for_spread_samples(const data::Dataset& dataset, const data::Pipeline& pipeline, int64_t count, uint64_t seed,
                        uint64_t epoch, const std::function<void(data::Sample)>& take);

// They as one batch, with all views and fields that the pipeline gives them. Of size 0 when none can be used.
data::Batch spread_batch(const data::Dataset& dataset, const data::Pipeline& pipeline, int64_t count, uint64_t seed,
                         uint64_t epoch);

}  // namespace selfsup::evaluate
