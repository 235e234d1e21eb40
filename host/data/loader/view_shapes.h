// What a pipeline will leave of a set's images, before any batch is made. Knows no batches.
#pragma once
#include <string>
#include <vector>

#include "data/datasets/dataset.h"
#include "data/transforms/pipeline.h"

namespace selfsup::data {

// The shapes of a sample's views, by a trial: where all images have one shape, on a black one of that; otherwise, or
// where a transform cannot use that one, on the first that it can use of those that are spread over the set. Of files
// no more is decoded than their headers, unless a transform asks for pixels. When it can use none: Error(usage) that
// begins with `key`, the pipeline's, unless so many may be bad by max_bad_fraction that one of the others may do. When
// none can be read, or then: what the pipeline's rules say; Error(data) where these leave a size open.
std::vector<ImageShape> view_shapes(const Dataset& dataset, const Pipeline& pipeline, const std::string& key,
                                    double max_bad_fraction = 0);

}  // namespace selfsup::data
