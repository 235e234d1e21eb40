#include "data/transforms/transform.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace selfsup::data {

void ViewTransform::apply(Sample& sample, SampleRandom& random) const {
  for (int v = 0; v < static_cast<int>(sample.views.size()); ++v) {
    random.view(v);
    try {
      apply(sample, v, random);
    } catch (const std::invalid_argument& e) {
      throw BadImage(e.what());
    }
  }
}

std::vector<Extent> ViewTransform::extents(std::vector<Extent> views) const {
  for (Extent& view : views) {
    view = extent(view);
    if (view.known()) check_image_size(view.height.most, view.width.most);
  }
  return views;
}

std::vector<Extent> extents(const Steps& steps, std::vector<Extent> views) {
  for (const Step& step : steps) views = step.transform->extents(std::move(views));
  return views;
}

int64_t views_of_one(const Steps& steps) {
  int64_t views = 1;
  for (const Step& step : steps) views = std::min(views * step.transform->views_of_one(), kMaxViews + 1);
  return views;
}

void run(const Steps& steps, Sample& sample, SampleRandom& random) {
  for (const Step& step : steps) {
    random.at(step.position);
    step.transform->apply(sample, random);
  }
}

}  // namespace selfsup::data
