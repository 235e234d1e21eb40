// A few samples spread over a data set, as one batch. Knows no algorithm.
#pragma once
#include "data/datasets/dataset.h"
#include "data/loader/batch.h"
#include "data/transforms/pipeline.h"

namespace selfsup::evaluate {

// `count` samples, or all that the set has, each a different one and none whose image is bad: with all views and fields
// that the pipeline gives them, drawn as in an epoch of a run with that seed. Of size 0 when none can be used.
data::Batch spread_batch(const data::Dataset& dataset, const data::Pipeline& pipeline, int64_t count, uint64_t seed,
                         uint64_t epoch);

}  // namespace selfsup::evaluate
