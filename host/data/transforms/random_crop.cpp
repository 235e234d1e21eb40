#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "config/schema.h"
#include "data/transforms/arguments.h"
#include "data/transforms/transform.h"

namespace selfsup::data {
namespace {

enum class Padding { constant, edge, reflect, symmetric };

// A window of the padded image, at a random place.
class RandomCrop : public ViewTransform {
 public:
  explicit RandomCrop(const Json& spec)
      : size_(read_size(spec, "size", false)),
        pad_if_needed_(spec.get("pad_if_needed").as_bool()),
        pad_value_(static_cast<uint8_t>(spec.get("pad_val").as_int())) {
    read_padding(spec);
    const std::string& mode = spec.get("padding_mode").as_string();
    mode_ = mode == "edge"        ? Padding::edge
            : mode == "reflect"   ? Padding::reflect
            : mode == "symmetric" ? Padding::symmetric
                                  : Padding::constant;
  }

  void apply(Sample& sample, int view, SampleRandom& random) const override {
    View& image = sample.views[static_cast<size_t>(view)];
    const ImageShape in = image.shape();
    int left = left_, top = top_, right = right_, bottom = bottom_;
    if (pad_if_needed_) {  // on both sides, as MMSelfSup does
      const int more_w = std::max(0, size_.width - (in.width + left + right));
      const int more_h = std::max(0, size_.height - (in.height + top + bottom));
      left += more_w, right += more_w, top += more_h, bottom += more_h;
    }
    const int spare_h = in.height + top + bottom - size_.height, spare_w = in.width + left + right - size_.width;
    require_fit(spare_h, spare_w, in.height, in.width);
    const int y0 = static_cast<int>(random.below(static_cast<uint64_t>(spare_h) + 1)) - top;
    const int x0 = static_cast<int>(random.below(static_cast<uint64_t>(spare_w) + 1)) - left;
    if (y0 >= 0 && x0 >= 0 && y0 + size_.height <= in.height && x0 + size_.width <= in.width) {
      image.append(crop({y0, x0, size_.height, size_.width}));
    } else {
      Image out;
      window(image.pixels(), y0, x0, out);
      image.replace(std::move(out));
    }
  }

  Extent extent(const Extent& in) const override {
    const int spare_h = in.height.most + top_ + bottom_ - size_.height;
    const int spare_w = in.width.most + left_ + right_ - size_.width;
    if (!pad_if_needed_ && in.known()) require_fit(spare_h, spare_w, in.height.most, in.width.most);
    if (!pad_if_needed_ && spare_h < 0) refuse_side("height", in.height);
    if (!pad_if_needed_ && spare_w < 0) refuse_side("width", in.width);
    return {size_.height, size_.width};
  }

 private:
  void require_fit(int spare_h, int spare_w, int height, int width) const {
    if (spare_h < 0 || spare_w < 0)
      throw BadImage(fmt::format("{} x {}, too small for a RandomCrop of {} x {} (see pad_if_needed)", width, height,
                                 size_.width, size_.height));
  }

  [[noreturn]] void refuse_side(const char* name, const Side& side) const {
    throw BadImage(fmt::format("images {} {} pixels in {}, too small for a RandomCrop of {} x {} (see pad_if_needed)",
                               side.known() ? "of" : "of at most", side.most, name, size_.width, size_.height));
  }

  // A number for all sides, [left and right, top and bottom], or [left, top, right, bottom].
  void read_padding(const Json& spec) {
    const Json* value = spec.find("padding");
    if (value == nullptr || value->is_null()) return;
    const auto amount = [](const Json& v) { return static_cast<int>(v.as_int()); };
    if (!value->is_array()) {
      left_ = top_ = right_ = bottom_ = amount(*value);
      return;
    }
    const Json::Array& sides = value->as_array();
    if (sides.size() == 3) refuse(spec, "\"padding\" has 3 numbers; expected one, two or four");
    left_ = amount(sides[0]), top_ = amount(sides[1]);
    right_ = amount(sides[sides.size() - 2]), bottom_ = amount(sides[sides.size() - 1]);
  }

  // The coordinate that stands at `at`; -1 for the padding's value.
  int source(int at, int size) const {
    if (at >= 0 && at < size) return at;
    if (mode_ == Padding::constant) return -1;
    if (mode_ == Padding::edge || size == 1) return std::clamp(at, 0, size - 1);
    const int period = mode_ == Padding::reflect ? 2 * size - 2 : 2 * size;
    const int folded = ((at % period) + period) % period;
    return folded < size ? folded : (mode_ == Padding::reflect ? period : period - 1) - folded;
  }

  void window(const Image& in, int y0, int x0, Image& out) const {
    out.reshape(size_.height, size_.width, in.channels);
    const size_t channels = static_cast<size_t>(in.channels);
    std::vector<int> columns(static_cast<size_t>(size_.width));
    for (int x = 0; x < size_.width; ++x) columns[static_cast<size_t>(x)] = source(x0 + x, in.width);
    for (int y = 0; y < size_.height; ++y) {
      const int row = source(y0 + y, in.height);
      uint8_t* target = out.row(y);
      for (const int column : columns) {
        if (row < 0 || column < 0)
          std::memset(target, pad_value_, channels);
        else
          std::memcpy(target, in.row(row) + static_cast<size_t>(column) * channels, channels);
        target += channels;
      }
    }
  }

  Size size_;
  int left_ = 0, top_ = 0, right_ = 0, bottom_ = 0;
  bool pad_if_needed_;
  uint8_t pad_value_;
  Padding mode_ = Padding::constant;
};

}  // namespace

TransformType random_crop() {
  return {{"RandomCrop"},
          config::parse_schema(R"({
  "type": "object",
  "description": "a window at a random place, after padding",
  "properties": {
    "type": {"type": "string"},
    "size": {"type": ["integer", "array"], "minimum": 1, "maximum": 65535, "items": {"type": "integer", "minimum": 1, "maximum": 65535}, "minItems": 2, "maxItems": 2, "description": "pixels, or [height, width]"},
    "padding": {"type": ["integer", "array", "null"], "minimum": 0, "maximum": 65535, "items": {"type": "integer", "minimum": 0, "maximum": 65535}, "minItems": 2, "maxItems": 4, "description": "pixels on all sides, [left and right, top and bottom], or [left, top, right, bottom]"},
    "pad_if_needed": {"type": "boolean", "default": false, "description": "pad images that are smaller than size"},
    "pad_val": {"type": "integer", "minimum": 0, "maximum": 255, "default": 0, "description": "value of constant padding"},
    "padding_mode": {"type": "string", "enum": ["constant", "edge", "reflect", "symmetric"], "default": "constant", "description": "what padding is filled with, as in torchvision"}
  },
  "required": ["size"]
})",
                               "RandomCrop"),
          make_of<RandomCrop>};
}

}  // namespace selfsup::data
