#include "data/transforms/geometry.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "data/datasets/dataset.h"
#include "data/transforms/resize.h"

namespace selfsup::data {
namespace {

[[noreturn]] void refuse(const Json& spec, const std::string& text) {
  throw Error(Exit::usage, fmt::format("{}: {}: {}", describe(spec.source), spec.get("type").as_string(), text));
}

struct Size {
  int height, width;
};

// One number for a square, or two; mmcv writes some sizes width first.
Size read_size(const Json& spec, std::string_view key, bool width_first) {
  const Json& value = spec.get(key);
  const auto side = [&](const Json& v) {
    const int64_t n = v.as_int();
    if (n < 1 || n > 65535) refuse(spec, fmt::format("\"{}\" is {}; sides run from 1 to 65535", key, n));
    return static_cast<int>(n);
  };
  if (!value.is_array()) return {side(value), side(value)};
  if (value.as_array().size() != 2)
    refuse(spec, fmt::format("\"{}\" has {} numbers; expected {}", key, value.as_array().size(),
                             width_first ? "[width, height]" : "[height, width]"));
  const int first = side(value.as_array()[0]), second = side(value.as_array()[1]);
  return width_first ? Size{second, first} : Size{first, second};
}

std::pair<double, double> read_range(const Json& spec, std::string_view key, double low, double high) {
  if (const Json* value = spec.find(key)) {
    if (value->as_array().size() != 2) refuse(spec, fmt::format("\"{}\" is a pair [low, high]", key));
    low = value->as_array()[0].as_double(), high = value->as_array()[1].as_double();
  }
  if (!(low > 0 && low <= high && std::isfinite(high)))
    refuse(spec, fmt::format("\"{}\" is [{}, {}]; expected 0 < low <= high", key, low, high));
  return {low, high};
}

Interpolation read_interpolation(const Json& spec) {
  const std::string name = spec.get_string("interpolation", "bilinear");
  if (name == "nearest") return Interpolation::nearest;
  if (name == "bilinear") return Interpolation::bilinear;
  if (name == "bicubic") return Interpolation::bicubic;
  refuse(spec, fmt::format("\"interpolation\" is \"{}\"; expected nearest, bilinear or bicubic", name));
}

Box whole(const Image& image) { return {0, 0, image.height, image.width}; }

// Area uniform in `scale`, aspect ratio log-uniform in `ratio`; when max_attempts draws do not fit, the largest centred
// box of an allowed ratio.
class RandomResizedCrop : public ImageTransform {
 public:
  explicit RandomResizedCrop(const Json& spec)
      : size_(read_size(spec, "size", false)),
        scale_(read_range(spec, "scale", 0.08, 1.0)),
        ratio_(read_range(spec, "ratio", 3.0 / 4.0, 4.0 / 3.0)),
        max_attempts_(spec.get_int("max_attempts", 10)),
        interpolation_(read_interpolation(spec)) {}

  void transform(const Image& in, Image& out, SampleRandom& random) const override {
    resize(in, draw(in, random), size_.height, size_.width, interpolation_, out);
  }

 private:
  Box draw(const Image& in, SampleRandom& random) const {
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
};

// To the size, or with keep_ratio to the largest size of the same ratio that fits.
class Resize : public ImageTransform {
 public:
  explicit Resize(const Json& spec)
      : size_(read_size(spec, "scale", true)),
        keep_ratio_(spec.get_bool("keep_ratio", false)),
        interpolation_(read_interpolation(spec)) {}

  void transform(const Image& in, Image& out, SampleRandom&) const override {
    Size size = size_;
    if (keep_ratio_) {
      const double factor =
          std::min(static_cast<double>(std::max(size_.height, size_.width)) / std::max(in.height, in.width),
                   static_cast<double>(std::min(size_.height, size_.width)) / std::min(in.height, in.width));
      size = {std::max(1, static_cast<int>(in.height * factor + 0.5)),
              std::max(1, static_cast<int>(in.width * factor + 0.5))};
    }
    resize(in, whole(in), size.height, size.width, interpolation_, out);
  }

 private:
  Size size_;
  bool keep_ratio_;
  Interpolation interpolation_;
};

// One edge to a length, the other in proportion.
class ResizeEdge : public ImageTransform {
 public:
  explicit ResizeEdge(const Json& spec)
      : length_(read_size(spec, "scale", false).height),
        edge_(spec.get_string("edge", "short")),
        interpolation_(read_interpolation(spec)) {}

  void transform(const Image& in, Image& out, SampleRandom&) const override {
    const bool width_is_short = in.width < in.height;
    const bool by_width =
        edge_ == "width" || (edge_ == "short" && width_is_short) || (edge_ == "long" && !width_is_short);
    const double other = by_width ? static_cast<double>(length_) * in.height / in.width
                                  : static_cast<double>(length_) * in.width / in.height;
    if (other > 65535) throw BadImage(fmt::format("{} x {} is too narrow for ResizeEdge", in.width, in.height));
    const int rounded = std::max(1, static_cast<int>(other + 0.5));
    resize(in, whole(in), by_width ? rounded : length_, by_width ? length_ : rounded, interpolation_, out);
  }

 private:
  int length_;
  std::string edge_;
  Interpolation interpolation_;
};

// What lies outside a smaller picture is left out, as in mmcv.
class CenterCrop : public ImageTransform {
 public:
  explicit CenterCrop(const Json& spec) : size_(read_size(spec, "crop_size", true)) {}

  void transform(const Image& in, Image& out, SampleRandom&) const override {
    const int height = std::min(size_.height, in.height), width = std::min(size_.width, in.width);
    crop(in, {(in.height - height) / 2, (in.width - width) / 2, height, width}, out);
  }

 private:
  Size size_;
};

enum class Padding { constant, edge, reflect, symmetric };

// A window of the padded picture, at a random place.
class RandomCrop : public ImageTransform {
 public:
  explicit RandomCrop(const Json& spec)
      : size_(read_size(spec, "size", false)), pad_if_needed_(spec.get_bool("pad_if_needed", false)) {
    read_padding(spec);
    const int64_t value = spec.get_int("pad_val", 0);
    if (value < 0 || value > 255) refuse(spec, fmt::format("\"pad_val\" is {}; expected 0 to 255", value));
    pad_value_ = static_cast<uint8_t>(value);
    const std::string mode = spec.get_string("padding_mode", "constant");
    mode_ = mode == "edge"        ? Padding::edge
            : mode == "reflect"   ? Padding::reflect
            : mode == "symmetric" ? Padding::symmetric
                                  : Padding::constant;
  }

  void transform(const Image& in, Image& out, SampleRandom& random) const override {
    int left = left_, top = top_, right = right_, bottom = bottom_;
    if (pad_if_needed_) {  // on both sides, as MMSelfSup does
      const int more_w = std::max(0, size_.width - (in.width + left + right));
      const int more_h = std::max(0, size_.height - (in.height + top + bottom));
      left += more_w, right += more_w, top += more_h, bottom += more_h;
    }
    const int spare_h = in.height + top + bottom - size_.height, spare_w = in.width + left + right - size_.width;
    if (spare_h < 0 || spare_w < 0)
      throw BadImage(fmt::format("{} x {}, too small for a RandomCrop of {} x {} (see pad_if_needed)", in.width,
                                 in.height, size_.width, size_.height));
    const int y0 = static_cast<int>(random.below(static_cast<uint64_t>(spare_h) + 1)) - top;
    const int x0 = static_cast<int>(random.below(static_cast<uint64_t>(spare_w) + 1)) - left;
    window(in, y0, x0, out);
  }

 private:
  // A number for all sides, [left and right, top and bottom], or [left, top, right, bottom].
  void read_padding(const Json& spec) {
    const Json* value = spec.find("padding");
    if (value == nullptr || value->is_null()) return;
    const auto amount = [&](const Json& v) {
      const int64_t n = v.as_int();
      if (n < 0 || n > 65535) refuse(spec, fmt::format("\"padding\" holds {}; expected 0 to 65535", n));
      return static_cast<int>(n);
    };
    if (!value->is_array()) {
      left_ = top_ = right_ = bottom_ = amount(*value);
      return;
    }
    const Json::Array& sides = value->as_array();
    if (sides.size() != 2 && sides.size() != 4) refuse(spec, "\"padding\" is one number, two or four");
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
    // Columns [begin, end) come from the picture itself.
    const int begin = std::clamp(-x0, 0, size_.width), end = std::clamp(in.width - x0, begin, size_.width);
    for (int y = 0; y < size_.height; ++y) {
      uint8_t* target = out.row(y);
      const int row = source(y0 + y, in.height);
      if (row < 0) {
        std::memset(target, pad_value_, out.row_bytes());
        continue;
      }
      const uint8_t* from = in.row(row);
      const auto outside = [&](int x) {
        const int column = source(x0 + x, in.width);
        uint8_t* pixel = target + static_cast<size_t>(x) * channels;
        if (column < 0)
          std::memset(pixel, pad_value_, channels);
        else
          std::memcpy(pixel, from + static_cast<size_t>(column) * channels, channels);
      };
      for (int x = 0; x < begin; ++x) outside(x);
      if (end > begin)
        std::memcpy(target + static_cast<size_t>(begin) * channels, from + static_cast<size_t>(x0 + begin) * channels,
                    static_cast<size_t>(end - begin) * channels);
      for (int x = end; x < size_.width; ++x) outside(x);
    }
  }

  Size size_;
  int left_ = 0, top_ = 0, right_ = 0, bottom_ = 0;
  bool pad_if_needed_;
  uint8_t pad_value_ = 0;
  Padding mode_ = Padding::constant;
};

// With probability prob, one of the directions, all equally likely. In place.
class RandomFlip : public Transform {
 public:
  explicit RandomFlip(const Json& spec) : prob_(spec.get_double("prob", 0.5)) {
    if (!(prob_ >= 0 && prob_ <= 1)) refuse(spec, fmt::format("\"prob\" is {}; expected 0 to 1", prob_));
    const Json* direction = spec.find("direction");
    if (direction == nullptr)
      directions_ = {parse(spec, "horizontal")};
    else if (direction->is_array())
      for (const Json& name : direction->as_array()) directions_.push_back(parse(spec, name.as_string()));
    else
      directions_ = {parse(spec, direction->as_string())};
    if (directions_.empty()) refuse(spec, "\"direction\" is empty");
  }

  void apply(Sample& sample, SampleRandom& random) const override {
    for (size_t v = 0; v < sample.views.size(); ++v) {
      random.view(static_cast<int>(v));
      if (random.uniform() >= prob_) continue;
      const Direction direction = directions_[random.below(directions_.size())];
      if (direction.vertical) flip_rows(sample.views[v]);
      if (direction.horizontal) flip_columns(sample.views[v]);
    }
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
  static void flip_rows(Image& image) {
    for (int y = 0; y < image.height / 2; ++y)
      std::swap_ranges(image.row(y), image.row(y) + image.row_bytes(), image.row(image.height - 1 - y));
  }
  static void flip_columns(Image& image) {
    for (int y = 0; y < image.height; ++y) {
      uint8_t* row = image.row(y);
      if (image.channels == 1) {
        std::reverse(row, row + image.width);
        continue;
      }
      uint8_t *left = row, *right = row + image.row_bytes() - 3;
      for (; left < right; left += 3, right -= 3)
        for (int c = 0; c < 3; ++c) std::swap(left[c], right[c]);
    }
  }

  double prob_;
  std::vector<Direction> directions_;
};

}  // namespace

std::unique_ptr<Transform> make_geometry(const Json& spec) {
  const std::string& type = spec.get("type").as_string();
  if (type == "RandomResizedCrop") return std::make_unique<RandomResizedCrop>(spec);
  if (type == "Resize") return std::make_unique<Resize>(spec);
  if (type == "ResizeEdge") return std::make_unique<ResizeEdge>(spec);
  if (type == "CenterCrop") return std::make_unique<CenterCrop>(spec);
  if (type == "RandomCrop") return std::make_unique<RandomCrop>(spec);
  if (type == "RandomFlip") return std::make_unique<RandomFlip>(spec);
  return nullptr;
}

}  // namespace selfsup::data
