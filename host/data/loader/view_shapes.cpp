#include "data/loader/view_shapes.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/errors.h"

namespace selfsup::data {

std::vector<ImageShape> view_shapes(const Dataset& dataset, const Pipeline& pipeline) {
  constexpr int64_t kTried = 20;
  ImageShape shape = dataset.image_shape();
  if (shape.height == 0) shape.height = shape.width = 512;  // the pipeline decides; if not, the first batch will say
  Image black;
  black.reshape(shape.height, shape.width, shape.channels);
  std::string reason;
  for (int64_t i = -1; i < std::min(dataset.size(), kTried); ++i) {
    try {
      return pipeline.output_shapes(i < 0 ? black : dataset.load(i));
    } catch (const BadImage& e) {
      reason = e.what();
    }
  }
  throw Error(Exit::data,
              fmt::format("the pipeline can use neither a black image nor one of the set's first {}; of the last: {}",
                          kTried, reason));
}

}  // namespace selfsup::data
