#include <fmt/format.h>

#include <vector>

#include "config/schema.h"
#include "data/transforms/arguments.h"
#include "data/transforms/transform.h"

namespace selfsup::data {
namespace {

class RandomFlip : public ViewTransform {
 public:
  explicit RandomFlip(const Json& spec) : prob_(spec.get("prob").as_double()), record_(spec.get("record").as_bool()) {
    const Json& direction = spec.get("direction");
    if (direction.is_array())
      for (const Json& one : direction.as_array()) directions_.push_back(parse(spec, one.as_string()));
    else
      directions_.push_back(parse(spec, direction.as_string()));
  }

  void apply(Sample& sample, int view, SampleRandom& random) const override {
    Direction direction{false, false};
    if (random.uniform() < prob_) direction = directions_[random.below(directions_.size())];
    View& image = sample.views[static_cast<size_t>(view)];
    if (direction.vertical) image.append(flip_vertical());
    if (direction.horizontal) image.append(flip_horizontal());
    if (record_) sample.set_field(field_of<bool>("flip", view, {direction.horizontal, direction.vertical}));
  }

 private:
  struct Direction {
    bool horizontal, vertical;
  };
  static Direction parse(const Json& spec, std::string_view name) {
    if (name == "horizontal") return {true, false};
    if (name == "vertical") return {false, true};
    if (name == "diagonal") return {true, true};
    refuse(spec, fmt::format("\"direction\" is \"{}\"; expected horizontal, vertical or diagonal", name));
  }

  double prob_;
  bool record_;
  std::vector<Direction> directions_;
};

}  // namespace

TransformType random_flip() {
  return {{"RandomFlip"},
          config::parse_schema(R"({
  "type": "object",
  "description": "mirrors the image",
  "properties": {
    "type": {"type": "string"},
    "prob": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.5, "description": "how often"},
    "direction": {"type": ["string", "array"], "items": {"type": "string", "enum": ["horizontal", "vertical", "diagonal"]}, "minItems": 1, "default": "horizontal", "description": "horizontal, vertical or diagonal, or several that are equally likely"},
    "record": {"type": "boolean", "default": false, "description": "true: leaves the field flip of each view, bool [2]: mirrored horizontally, vertically"}
  }
})",
                               "RandomFlip"),
          make_of<RandomFlip>};
}

}  // namespace selfsup::data
