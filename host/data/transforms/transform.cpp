#include "data/transforms/transform.h"

#include <stdexcept>

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

void run(const Steps& steps, Sample& sample, SampleRandom& random) {
  for (const Step& step : steps) {
    random.at(step.position);
    step.transform->apply(sample, random);
  }
}

}  // namespace selfsup::data
