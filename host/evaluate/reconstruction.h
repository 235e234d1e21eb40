// The picture of what an algorithm makes of some of its own images. Leaves the run as it is.
#pragma once
#include <string>
#include <vector>

#include "bridge/components/algorithm.h"
#include "data/datasets/dataset.h"
#include "data/transforms/pipeline.h"
#include "input/preprocess.h"

namespace selfsup::evaluate {

// What training of those samples in the epoch of `at` sees, reconstructed, into `path`. Returns what its columns show;
// nothing, and no picture, when the algorithm offers no reconstruction or no image can be used. Error(storage), and as
// of Algorithm::reconstruct.
std::vector<std::string> draw_reconstruction(bridge::Algorithm& algorithm, const input::Preprocessor& preprocess,
                                             const data::Dataset& dataset, const data::Pipeline& pipeline,
                                             uint64_t seed, const bridge::Step& at, const std::string& path);

}  // namespace selfsup::evaluate
