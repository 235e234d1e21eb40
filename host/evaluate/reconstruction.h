// The picture of what an algorithm makes of some of its own images. Leaves the run as it is.
#pragma once
#include <string>

#include "bridge/components/algorithm.h"
#include "data/datasets/dataset.h"
#include "data/transforms/pipeline.h"
#include "input/preprocess.h"

namespace selfsup::evaluate {

// What training of those samples in the epoch of `at` sees, reconstructed: reconstruction.png in `folder`. Returns
// for the log its path and what its columns show, or "" when the algorithm offers no reconstruction or no image can be
// used.
std::string draw_reconstruction(bridge::Algorithm& algorithm, const input::Preprocessor& preprocess,
                                const data::Dataset& dataset, const data::Pipeline& pipeline, uint64_t seed,
                                const bridge::Step& at, const std::string& folder);

}  // namespace selfsup::evaluate
