#include <algorithm>

#include "config/schema.h"
#include "data/transforms/arguments.h"
#include "data/transforms/transform.h"

namespace selfsup::data {
namespace {

// To the size, or with keep_ratio to the largest size of the same ratio that fits.
class Resize : public ViewTransform {
 public:
  explicit Resize(const Json& spec)
      : size_(read_size(spec, "scale", true)),
        keep_ratio_(spec.get("keep_ratio").as_bool()),
        interpolation_(read_interpolation(spec)) {}

  void apply(Sample& sample, int view, SampleRandom&) const override {
    View& image = sample.views[static_cast<size_t>(view)];
    const ImageShape in = image.shape();
    const Size size = size_of(in);
    image.append(crop_resize(whole(in), size.height, size.width, interpolation_));
  }

  Extent extent(const Extent& in) const override {
    if (in.known() || !keep_ratio_) {
      const Size size = size_of(in.shape());
      return {size.height, size.width};
    }
    const Side fits(1, std::max(size_.height, size_.width));
    return {fits, fits};
  }

 private:
  Size size_of(const ImageShape& in) const {
    if (!keep_ratio_) return size_;
    const double factor =
        std::min(static_cast<double>(std::max(size_.height, size_.width)) / std::max(in.height, in.width),
                 static_cast<double>(std::min(size_.height, size_.width)) / std::min(in.height, in.width));
    return {std::max(1, static_cast<int>(in.height * factor + 0.5)),
            std::max(1, static_cast<int>(in.width * factor + 0.5))};
  }

  Size size_;
  bool keep_ratio_;
  Interpolation interpolation_;
};

}  // namespace

TransformType resize() {
  return {{"Resize"},
          config::parse_schema(std::string(R"({
  "type": "object",
  "description": "to a size",
  "properties": {
    "type": {"type": "string"},
    "scale": {"type": ["integer", "array"], "minimum": 1, "maximum": 65535, "items": {"type": "integer", "minimum": 1, "maximum": 65535}, "minItems": 2, "maxItems": 2, "description": "pixels, or [width, height] as in mmcv"},
    "keep_ratio": {"type": "boolean", "default": false, "description": "the largest size of the same ratio that fits"},)") +
                                   kInterpolationKeys + R"(
  },
  "required": ["scale"]
})",
                               "Resize"),
          make_of<Resize>};
}

}  // namespace selfsup::data
