// What a pipeline will leave of a set's images, before any batch is made. Knows no batches.
#pragma once
#include <string>
#include <vector>

#include "data/datasets/dataset.h"
#include "data/transforms/pipeline.h"

namespace selfsup::data {

// The shapes of a sample's views, by a trial: where all images have one shape, on a black one of that; otherwise, or
// where a transform cannot use that one, on the first of the set's that it can. Of files no more is read than their
// headers, unless a transform asks for pixels. When it can use none of the first ones: Error(usage) that begins with
// `key`, the pipeline's. When none of them can be read: what the pipeline's rules say, or Error(data) where these leave
// a size open.
std::vector<ImageShape> view_shapes(const Dataset& dataset, const Pipeline& pipeline, const std::string& key);

}  // namespace selfsup::data
