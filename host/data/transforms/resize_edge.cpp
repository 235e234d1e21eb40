#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "config/schema.h"
#include "data/transforms/arguments.h"
#include "data/transforms/transform.h"

namespace selfsup::data {
namespace {

// One edge to a length, the other in proportion.
class ResizeEdge : public ViewTransform {
 public:
  explicit ResizeEdge(const Json& spec)
      : length_(static_cast<int>(spec.get("scale").as_int())),
        edge_(spec.get("edge").as_string()),
        interpolation_(read_interpolation(spec)) {}

  void apply(Sample& sample, int view, SampleRandom&) const override {
    View& image = sample.views[static_cast<size_t>(view)];
    const ImageShape in = image.shape();
    const Size size = size_of(in);
    image.append(crop_resize(whole(in), size.height, size.width, interpolation_));
  }

  Extent extent(const Extent& in) const override {
    if (in.known()) {
      const Size size = size_of(in.shape());
      return {size.height, size.width};
    }
    const Side at_least(length_, kMaxImageSide), at_most(1, length_);
    if (edge_ == "short") return {at_least, at_least};
    if (edge_ == "long") return {at_most, at_most};
    return edge_ == "width" ? Extent{Side(), length_} : Extent{length_, Side()};
  }

 private:
  Size size_of(const ImageShape& in) const {
    const bool width_is_short = in.width < in.height;
    const bool by_width =
        edge_ == "width" || (edge_ == "short" && width_is_short) || (edge_ == "long" && !width_is_short);
    const double other = by_width ? static_cast<double>(length_) * in.height / in.width
                                  : static_cast<double>(length_) * in.width / in.height;
    if (other > kMaxImageSide) throw BadImage(fmt::format("{} x {} is too narrow for ResizeEdge", in.width, in.height));
    const int rounded = std::max(1, static_cast<int>(other + 0.5));
    return by_width ? Size{rounded, length_} : Size{length_, rounded};
  }

  int length_;
  std::string edge_;
  Interpolation interpolation_;
};

}  // namespace

TransformType resize_edge() {
  return {{"ResizeEdge"},
          config::parse_schema(std::string(R"({
  "type": "object",
  "description": "one edge to a length, the other in proportion",
  "properties": {
    "type": {"type": "string"},
    "scale": {"type": "integer", "minimum": 1, "maximum": 65535, "description": "pixels"},
    "edge": {"type": "string", "enum": ["short", "long", "width", "height"], "default": "short", "description": "which edge"},)") +
                                   kInterpolationKeys + R"(
  },
  "required": ["scale"]
})",
                               "ResizeEdge"),
          make_of<ResizeEdge>};
}

}  // namespace selfsup::data
