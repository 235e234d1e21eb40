#include "data/loader/view_shapes.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "base/errors.h"
#include "data/loader/bad_report.h"
#include "data/loader/spread.h"

namespace selfsup::data {
namespace {

class Trial {
 public:
  Trial(const Dataset& dataset, const Pipeline& pipeline) : dataset_(dataset), pipeline_(pipeline) {}

  // Where all have one shape: of a black image of that. Empty: there is no such shape, or none that can be used.
  std::vector<ImageShape> of_common_shape() {
    const ImageShape all = dataset_.image_shape();
    if (all.height == 0) return {};
    Image black;
    black.reshape(all.height, all.width, all.channels);
    return through(ImageSource(std::move(black)), fmt::format("all are {} x {}", all.width, all.height));
  }

  // Of the first of these images that can be used; empty: none can.
  std::vector<ImageShape> of_first(const std::vector<int64_t>& indices) {
    for (const int64_t index : indices) {
      ImageSource source;
      try {
        dataset_.open(index, source);
      } catch (const BadImage& e) {
        damage_ = fmt::format("{}: {}", dataset_.describe(index), e.what());
        continue;
      }
      if (auto shapes = through(std::move(source), dataset_.describe(index)); !shapes.empty()) return shapes;
    }
    return {};
  }

  // The last image that could be read and not be used, and why; "" when there was none.
  const std::string& refusal() const { return refusal_; }
  const std::string& damage() const { return damage_; }  // of the last that could not be read

 private:
  std::vector<ImageShape> through(ImageSource source, const std::string& name) {
    try {
      return pipeline_.output_shapes(std::move(source));
    } catch (const BadImage& e) {
      refusal_ = fmt::format("{}: {}", name, e.what());
      return {};
    }
  }

  const Dataset& dataset_;
  const Pipeline& pipeline_;
  std::string refusal_, damage_;
};

// What the rules alone say; empty where they leave a size open.
std::vector<ImageShape> shapes_by_rule(const Dataset& dataset, const Pipeline& pipeline, const std::string& key) try {
  std::vector<ImageShape> shapes;
  for (const Extent& view : pipeline.extents({})) {
    if (!view.known()) return {};
    shapes.push_back({view.height.most, view.width.most, dataset.channels()});
  }
  return shapes;
} catch (const BadImage& e) {
  throw Error(Exit::usage, fmt::format("{}: no image of any size can go through it: {}", key, e.what()));
}

// "none of the 8 images of the data set can"
std::string none_can(int64_t tried, int64_t size) {
  if (size == 1) return "the only image of the data set cannot";
  if (tried == size) return fmt::format("none of the {} images of the data set can", size);
  return fmt::format("none of {} images that are spread over the {} of the data set can", tried, size);
}

}  // namespace

std::vector<ImageShape> view_shapes(const Dataset& dataset, const Pipeline& pipeline, const std::string& key,
                                    double max_bad_fraction) {
  Trial trial(dataset, pipeline);
  if (auto shapes = trial.of_common_shape(); !shapes.empty()) return shapes;
  // Of one shape the others differ by what is on them alone, which few transforms ask for.
  constexpr int64_t kAlike = 20;
  const bool alike = dataset.image_shape().height > 0;
  const std::vector<int64_t> tried = spread_over(dataset.size(), alike ? kAlike : kSpreadSample);
  if (auto shapes = trial.of_first(tried); !shapes.empty()) return shapes;
  auto by_rule = shapes_by_rule(dataset, pipeline, key);
  // Where no image can be read, the first batch will say what is wrong with them; where most may be unfit, one that is
  // fit may be among those that were not tried.
  const bool most_may_be_bad = allowed_bad(max_bad_fraction, dataset.size()) > dataset.size() / 2;
  const auto count = static_cast<int64_t>(tried.size());
  if (!by_rule.empty() && (trial.refusal().empty() || (most_may_be_bad && count < dataset.size()))) return by_rule;
  const std::string none = none_can(count, dataset.size());
  if (trial.refusal().empty()) throw Error(Exit::data, fmt::format("{} be read; {}", none, trial.damage()));
  throw Error(Exit::usage, fmt::format("{}: {} go through it; {}", key, none, trial.refusal()));
}

}  // namespace selfsup::data
