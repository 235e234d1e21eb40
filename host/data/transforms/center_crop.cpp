#include <algorithm>

#include "config/schema.h"
#include "data/transforms/arguments.h"
#include "data/transforms/transform.h"

namespace selfsup::data {
namespace {

// What lies outside a smaller image is left out, as in mmcv.
class CenterCrop : public ViewTransform {
 public:
  explicit CenterCrop(const Json& spec) : size_(read_size(spec, "crop_size", true)) {}

  void apply(Sample& sample, int view, SampleRandom&) const override {
    View& image = sample.views[static_cast<size_t>(view)];
    const ImageShape in = image.shape();
    const int height = std::min(size_.height, in.height), width = std::min(size_.width, in.width);
    image.append(crop({(in.height - height) / 2, (in.width - width) / 2, height, width}));
  }

  Extent extent(const Extent& in) const override {
    const auto cut = [](const Side& side, int most) {
      return Side(std::min(side.least, most), std::min(side.most, most));
    };
    return {cut(in.height, size_.height), cut(in.width, size_.width)};
  }

 private:
  Size size_;
};

}  // namespace

TransformType center_crop() {
  return {{"CenterCrop"},
          config::parse_schema(R"({
  "type": "object",
  "description": "the centre, or all of a side that is shorter",
  "properties": {
    "type": {"type": "string"},
    "crop_size": {"type": ["integer", "array"], "minimum": 1, "maximum": 65535, "items": {"type": "integer", "minimum": 1, "maximum": 65535}, "minItems": 2, "maxItems": 2, "description": "pixels, or [width, height] as in mmcv"}
  },
  "required": ["crop_size"]
})",
                               "CenterCrop"),
          make_of<CenterCrop>};
}

}  // namespace selfsup::data
