// The picture of what an algorithm makes of some of its own images. Leaves the run as it is.
#pragma once
#include <optional>

#include "bridge/components/algorithm.h"
#include "data/datasets/dataset.h"
#include "data/transforms/pipeline.h"
#include "evaluate/picture.h"
#include "input/preprocess.h"

namespace selfsup::evaluate {

// What training of some samples in the epoch of `at` sees, reconstructed; the caption names the columns. None when the
// algorithm offers no reconstruction or no image can be used. Error as of Algorithm::reconstruct.
std::optional<Captioned> draw_reconstruction(bridge::Algorithm& algorithm, const input::Preprocessor& preprocess,
                                             const data::Dataset& dataset, const data::Pipeline& pipeline,
                                             uint64_t seed, const bridge::Step& at);

}  // namespace selfsup::evaluate
