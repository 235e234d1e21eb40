// What a pipeline will leave of a set's images, before any batch is made. Knows no batches.
#pragma once
#include <vector>

#include "data/datasets/dataset.h"
#include "data/transforms/pipeline.h"

namespace selfsup::data {

// The shapes of a sample's views, by a trial on a black image; where a transform cannot use that one, on the first
// image that it can. Error(data) when it can use none of the first ones.
std::vector<ImageShape> view_shapes(const Dataset& dataset, const Pipeline& pipeline);

}  // namespace selfsup::data
