#include <fmt/format.h>

#include <cmath>
#include <numbers>
#include <utility>

#include "config/schema.h"
#include "data/transforms/arguments.h"
#include "data/transforms/transform.h"

namespace selfsup::data {
namespace {

// By `degrees`, counter-clockwise, about the middle: Pillow's map, rounded as there.
Edit rotation(double degrees, const ImageShape& shape, Interpolation interpolation) {
  const double angle = degrees * std::numbers::pi / 180;
  const auto rounded = [](double v) { return std::nearbyint(v * 1e15) / 1e15; };
  const double c = rounded(std::cos(angle)), s = rounded(std::sin(angle));
  const double x = shape.width / 2.0, y = shape.height / 2.0;
  return {
      SSP_EDIT_AFFINE, static_cast<uint32_t>(interpolation), {c, -s, c * -x + -s * -y + x, s, c, s * -x + c * -y + y}};
}

// About the middle; what comes from outside is black, the size stays.
class RandomRotation : public ViewTransform {
 public:
  explicit RandomRotation(const Json& spec)
      : prob_(spec.get("prob").as_double()),
        interpolation_(spec.get("interpolation").as_string() == "nearest" ? Interpolation::nearest
                                                                          : Interpolation::bilinear) {
    const Json& degrees = spec.get("degrees");
    degrees_ = degrees.is_array() ? read_range(spec, "degrees") : std::pair(-degrees.as_double(), degrees.as_double());
  }

  void apply(Sample& sample, int view, SampleRandom& random) const override {
    if (random.uniform() >= prob_) return;
    View& image = sample.views[static_cast<size_t>(view)];
    image.append(rotation(random.uniform(degrees_.first, degrees_.second), image.shape(), interpolation_));
  }

 private:
  double prob_;
  Interpolation interpolation_;
  std::pair<double, double> degrees_;
};

}  // namespace

TransformType random_rotation() {
  return {{"RandomRotation"},
          config::parse_schema(R"({
  "type": "object",
  "description": "turns the image about its middle; the corners become black",
  "properties": {
    "type": {"type": "string"},
    "degrees": {"type": ["number", "array"], "minimum": 0, "maximum": 360, "items": {"type": "number", "minimum": -360, "maximum": 360}, "minItems": 2, "maxItems": 2, "description": "x: an angle from -x to x; or [low, high]. Counter-clockwise"},
    "interpolation": {"type": "string", "enum": ["nearest", "bilinear"], "default": "nearest", "description": "as Pillow and torchvision"},
    "prob": {"type": "number", "minimum": 0, "maximum": 1, "default": 1.0, "description": "how often"}
  },
  "required": ["degrees"]
})",
                               "RandomRotation"),
          make_of<RandomRotation>};
}

}  // namespace selfsup::data
