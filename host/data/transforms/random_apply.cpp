#include <utility>

#include "config/schema.h"
#include "data/transforms/transform.h"

namespace selfsup::data {
namespace {

// All of its transforms with probability prob, or none; drawn once for the whole sample.
class RandomApply : public Transform {
 public:
  RandomApply(double prob, Steps steps) : prob_(prob), steps_(std::move(steps)) {}
  void apply(Sample& sample, SampleRandom& random) const override {
    if (random.uniform() < prob_) run(steps_, sample, random);
  }
  std::vector<Extent> extents(std::vector<Extent> views) const override {
    if (prob_ == 0) return views;
    const std::vector<Extent> applied = data::extents(steps_, views);
    if (prob_ == 1 || applied.size() != views.size()) return applied;  // other numbers of views make no batch
    for (size_t i = 0; i < views.size(); ++i) views[i] = either(views[i], applied[i]);
    return views;
  }
  int64_t views_of_one() const override { return std::min(data::views_of_one(steps_), kMaxViews); }

 private:
  double prob_;
  Steps steps_;
};

}  // namespace

TransformType random_apply() {
  return {{"RandomApply"},
          config::parse_schema(R"({
  "type": "object",
  "description": "all of its transforms, or none",
  "properties": {
    "type": {"type": "string"},
    "transforms": {"type": "array", "items": {"type": "object", "x-ssp-component": "transform"}, "description": "in order"},
    "prob": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.5, "description": "how often"}
  },
  "required": ["transforms"]
})",
                               "RandomApply"),
          [](const Json& spec, const StepsMaker& nested) -> std::unique_ptr<Transform> {
            return std::make_unique<RandomApply>(spec.get("prob").as_double(), nested(spec.get("transforms")));
          }};
}

}  // namespace selfsup::data
