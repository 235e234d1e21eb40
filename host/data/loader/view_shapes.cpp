#include "data/loader/view_shapes.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/errors.h"

namespace selfsup::data {

std::vector<ImageShape> view_shapes(const Dataset& dataset, const Pipeline& pipeline, const std::string& key) {
  constexpr int64_t kTried = 20;
  std::string image, reason;  // that could be read, and what the pipeline says of it
  const auto tried = [&](ImageSource source, const std::string& name) -> std::vector<ImageShape> {
    try {
      return pipeline.output_shapes(std::move(source));
    } catch (const BadImage& e) {
      image = name, reason = e.what();
      return {};
    }
  };
  if (const ImageShape all = dataset.image_shape(); all.height > 0) {
    Image black;
    black.reshape(all.height, all.width, all.channels);
    const std::string name = fmt::format("all are {} x {}", all.width, all.height);
    if (std::vector<ImageShape> shapes = tried(ImageSource(std::move(black)), name); !shapes.empty()) return shapes;
  }
  std::string damage;
  const int64_t count = std::min(dataset.size(), kTried);
  for (int64_t i = 0; i < count; ++i) {
    ImageSource source;
    try {
      dataset.open(i, source);
    } catch (const BadImage& e) {
      damage = fmt::format("{}: {}", dataset.describe(i), e.what());
      continue;
    }
    if (std::vector<ImageShape> shapes = tried(std::move(source), dataset.describe(i)); !shapes.empty()) return shapes;
  }
  if (!image.empty())
    throw Error(Exit::usage, fmt::format("{}: none of the first {} images of the data set can go through it; {}: {}",
                                         key, count, image, reason));
  // The first batch will say what is wrong with them, if the rules alone say what it is to be made of.
  std::vector<ImageShape> shapes;
  for (const Extent& view : pipeline.extents({})) {
    if (!view.known())
      throw Error(Exit::data, fmt::format("none of the first {} images can be used; of the last: {}", count, damage));
    shapes.push_back({view.height.most, view.width.most, dataset.channels()});
  }
  return shapes;
}

}  // namespace selfsup::data
