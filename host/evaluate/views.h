// The sheet of what a pipeline makes of some images. Knows no model.
#pragma once
#include <cstdint>
#include <vector>

#include "data/datasets/dataset.h"
#include "data/transforms/pipeline.h"
#include "evaluate/picture.h"

namespace selfsup::evaluate {

// A row an image, spread over the set: the image, and its views in the first epochs of a run with that seed, as many
// epochs as there is room for. shapes: of the views. Of many views the first ones are shown. Error(data) when no image
// can be used.
Picture draw_views(const data::Dataset& dataset, const data::Pipeline& pipeline,
                   const std::vector<data::ImageShape>& shapes, uint64_t seed);

}  // namespace selfsup::evaluate
