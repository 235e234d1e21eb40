#include <algorithm>
#include <cmath>
#include <utility>

#include "config/schema.h"
#include "data/transforms/arguments.h"
#include "data/transforms/transform.h"

namespace selfsup::data {
namespace {

// Area uniform in `scale`, aspect ratio log-uniform in `ratio`; when max_attempts draws do not fit, the largest centred
// box of an allowed ratio.
class RandomResizedCrop : public ViewTransform {
 public:
  explicit RandomResizedCrop(const Json& spec)
      : size_(read_size(spec, "size", false)),
        scale_(read_range(spec, "scale")),
        ratio_(read_range(spec, "ratio")),
        max_attempts_(spec.get("max_attempts").as_int()),
        interpolation_(read_interpolation(spec)),
        record_(spec.get("record").as_bool()) {}

  void apply(Sample& sample, int view, SampleRandom& random) const override {
    View& image = sample.views[static_cast<size_t>(view)];
    const ImageShape shape = image.shape();
    const Box box = draw(shape, random);
    image.append(crop_resize(box, size_.height, size_.width, interpolation_));
    if (record_)
      sample.set_field(
          field_of<int32_t>("crop_box", view, {box.top, box.left, box.height, box.width, shape.height, shape.width}));
  }

  Extent extent(const Extent&) const override { return {size_.height, size_.width}; }

 private:
  Box draw(const ImageShape& in, SampleRandom& random) const {
    const double area = static_cast<double>(in.height) * in.width;
    for (int64_t attempt = 0; attempt < max_attempts_; ++attempt) {
      const double target = random.uniform(scale_.first, scale_.second) * area;
      const double ratio = std::exp(random.uniform(std::log(ratio_.first), std::log(ratio_.second)));
      const double width = std::nearbyint(std::sqrt(target * ratio));
      const double height = std::nearbyint(std::sqrt(target / ratio));
      if (width < 1 || height < 1 || width > in.width || height > in.height) continue;
      const int w = static_cast<int>(width), h = static_cast<int>(height);
      const int top = static_cast<int>(random.below(static_cast<uint64_t>(in.height - h) + 1));
      const int left = static_cast<int>(random.below(static_cast<uint64_t>(in.width - w) + 1));
      return {top, left, h, w};
    }
    const double ratio = static_cast<double>(in.width) / in.height;
    Box box = whole(in);
    if (ratio < ratio_.first)
      box.height = std::clamp(static_cast<int>(std::nearbyint(in.width / ratio_.first)), 1, in.height);
    else if (ratio > ratio_.second)
      box.width = std::clamp(static_cast<int>(std::nearbyint(in.height * ratio_.second)), 1, in.width);
    box.top = (in.height - box.height) / 2;
    box.left = (in.width - box.width) / 2;
    return box;
  }

  Size size_;
  std::pair<double, double> scale_, ratio_;
  int64_t max_attempts_;
  Interpolation interpolation_;
  bool record_;
};

}  // namespace

TransformType random_resized_crop() {
  return {{"RandomResizedCrop"},
          config::parse_schema(std::string(R"({
  "type": "object",
  "description": "a box of random area and ratio, resized",
  "properties": {
    "type": {"type": "string"},
    "size": {"type": ["integer", "array"], "minimum": 1, "maximum": 65535, "items": {"type": "integer", "minimum": 1, "maximum": 65535}, "minItems": 2, "maxItems": 2, "description": "pixels, or [height, width]"},
    "scale": {"type": "array", "items": {"type": "number", "exclusiveMinimum": 0}, "minItems": 2, "maxItems": 2, "default": [0.08, 1.0], "description": "share of the area, low and high"},
    "ratio": {"type": "array", "items": {"type": "number", "exclusiveMinimum": 0}, "minItems": 2, "maxItems": 2, "default": [0.75, 1.3333333333333333], "description": "width by height, low and high"},
    "max_attempts": {"type": "integer", "minimum": 0, "maximum": 1000, "default": 10, "description": "draws before the largest centred box is taken"},
    "record": {"type": "boolean", "default": false, "description": "true: leaves the field crop_box of each view, int32 [6]: top, left, height and width of the box, height and width of the image that it was taken from"},)") +
                                   kInterpolationKeys + R"(
  },
  "required": ["size"]
})",
                               "RandomResizedCrop"),
          make_of<RandomResizedCrop>};
}

}  // namespace selfsup::data
