#include "data/edits/edit.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

namespace selfsup::data {
namespace {

constexpr double kSide = kMaxImageSide;
constexpr double kMin = std::numeric_limits<float>::min(), kMax = std::numeric_limits<float>::max();

struct Kind {
  std::string_view name;
  int numbers;
  double low, high;      // each of them
  bool whole;            // each of them
  uint32_t best_filter;  // the filters run up to it
  bool torchvision;      // differs there, or does not: the flag is taken. Else torchvision's is not drawn.
  Drawn drawn;
};

// By their numbers in ssp/edit.h. A new kind is named there, has its row here and in problem_of_numbers what the row
// cannot say, and is drawn in colour.cpp, or alone in draw.cpp.
constexpr std::array<Kind, SSP_EDIT_ERASE + 1> kKinds = {{
    {},
    {"brightness", 1, 0, kMax, false, 0, true, Drawn::colour},
    {"contrast", 1, 0, kMax, false, 0, true, Drawn::colour},
    {"saturation", 1, 0, kMax, false, 0, true, Drawn::colour},
    {"hue", 1, -0.5, 0.5, false, 0, true, Drawn::colour},
    {"grey", 3, 0, kMax, false, 0, true, Drawn::colour},
    {"blur", 2, 0, kSide, false, 0, true, Drawn::alone},
    {"solarize", 1, -kMax, kMax, false, 0, true, Drawn::colour},
    {"posterize", 1, 0, 8, true, 0, true, Drawn::colour},
    {"invert", 0, 0, 0, false, 0, true, Drawn::colour},
    {"autocontrast", 0, 0, 0, false, 0, false, Drawn::colour},
    {"equalize", 0, 0, 0, false, 0, false, Drawn::colour},
    {"gamma", 1, kMin, kMax, false, 0, false, Drawn::colour},
    {"crop_resize", 6, 0, kSide, true, SSP_EDIT_BICUBIC, true, Drawn::geometry},
    {"flip_horizontal", 0, 0, 0, false, 0, true, Drawn::geometry},
    {"flip_vertical", 0, 0, 0, false, 0, true, Drawn::geometry},
    {"affine", 6, -kSide, kSide, false, SSP_EDIT_BILINEAR, false, Drawn::alone},
    {"erase", 5, -kSide, kSide, true, 0, true, Drawn::alone},
}};

std::string problem_of_flags(const Edit& edit, const Kind& kind) {
  if ((edit.flags & 0xffffu & ~uint32_t{SSP_EDIT_FILTER | SSP_EDIT_TORCHVISION}) != 0)
    return fmt::format("flags {:#x} have bits that this host does not know", edit.flags);
  if (filter_of(edit) > kind.best_filter)
    return fmt::format("the filter is {}; this kind takes 0 to {}", filter_of(edit), kind.best_filter);
  if (as_torchvision(edit) && !kind.torchvision) return "SSP_EDIT_TORCHVISION is not drawn for this kind; leave it out";
  return {};
}

std::string problem_of_number(double v, const Kind& kind) {
  if (!(v >= kind.low && v <= kind.high))
    return fmt::format("expected {}", kind.high < kMax    ? fmt::format("{} to {}", kind.low, kind.high)
                                      : kind.low == -kMax ? "a finite number"
                                      : kind.low == 0     ? "0 or more, finite"
                                                          : "above 0, finite");
  return kind.whole && v != std::floor(v) ? "expected a whole number" : "";
}

std::string problem_of_box(const Edit& edit, const ImageShape& shape) {
  const double top = edit.v[0], left = edit.v[1], height = edit.v[2], width = edit.v[3];
  const double to_height = edit.v[4], to_width = edit.v[5];
  if (height < 1 || width < 1 || top + height > shape.height || left + width > shape.width)
    return fmt::format("the box of {} x {} at row {}, column {} is not inside the image of {} x {}", height, width, top,
                       left, shape.height, shape.width);
  if (to_height < 1 || to_width < 1)
    return fmt::format("the result is {} x {}; sides run from 1 to {}", to_height, to_width, kSide);
  const double most = std::max(to_height, height);  // the columns are resized first
  if (most * to_width > kMaxImagePixels)
    return fmt::format("{} x {} of {} x {} make an image of {} x {} on the way; images have {} million pixels at most",
                       to_height, to_width, height, width, most, to_width, kMaxImagePixels / 1'000'000);
  return {};
}

std::string problem_of_blur(const Edit& edit, const ImageShape& shape) {
  const double sigma = edit.v[0], size = edit.v[1];
  if (sigma < kMin) return fmt::format("sigma is {}; expected above 0", sigma);
  if (!as_torchvision(edit))
    return size == 0 ? std::string() : fmt::format("v[1] is {}; only torchvision's blur has a kernel size", size);
  const int most = 2 * std::min(shape.height, shape.width) - 1;
  if (std::fmod(size, 2) != 1 || size > most)
    return fmt::format("the kernel's size is {}; expected an odd number from 1 to {}, twice the shorter side less one",
                       size, most);
  return {};
}

std::string problem_of_numbers(const Edit& edit, const ImageShape& shape) {
  if (edit.kind == SSP_EDIT_CROP_RESIZE) return problem_of_box(edit, shape);
  if (edit.kind == SSP_EDIT_BLUR) return problem_of_blur(edit, shape);
  if (edit.kind != SSP_EDIT_ERASE) return {};
  if (edit.v[2] < 0 || edit.v[3] < 0) return fmt::format("the box is {} x {}", edit.v[2], edit.v[3]);
  return edit.v[4] >= 0 && edit.v[4] <= 255 ? "" : fmt::format("the value is {}; expected 0 to 255", edit.v[4]);
}

}  // namespace

Edit crop_resize(const Box& box, int height, int width, Interpolation interpolation) {
  return {SSP_EDIT_CROP_RESIZE,
          static_cast<uint32_t>(interpolation),
          {static_cast<double>(box.top), static_cast<double>(box.left), static_cast<double>(box.height),
           static_cast<double>(box.width), static_cast<double>(height), static_cast<double>(width)}};
}

std::string_view name_of(uint32_t kind) { return kind < kKinds.size() ? kKinds[kind].name : std::string_view(); }

std::string problem_of(const Edit& edit, const ImageShape& shape) {
  if (name_of(edit.kind).empty())
    return fmt::format("kind {}: this host draws kinds 1 to {}", edit.kind, kKinds.size() - 1);
  const Kind& kind = kKinds[edit.kind];
  std::string text = problem_of_flags(edit, kind);
  for (int i = 0; i < 6 && text.empty(); ++i) {
    if (i < kind.numbers)
      text = problem_of_number(edit.v[i], kind);
    else if (edit.v[i] != 0)
      text = fmt::format("this kind takes {} numbers, the others are 0", kind.numbers);
    if (!text.empty()) text = fmt::format("v[{}] is {}; {}", i, edit.v[i], text);
  }
  if (text.empty()) text = problem_of_numbers(edit, shape);
  return text.empty() ? text : fmt::format("{}: {}", kind.name, text);
}

Drawn drawn(const Edit& edit) { return kKinds[edit.kind].drawn; }

ImageShape shape_after(const Edit& edit, ImageShape shape) {
  if (edit.kind != SSP_EDIT_CROP_RESIZE) return shape;
  return {static_cast<int>(edit.v[4]), static_cast<int>(edit.v[5]), shape.channels};
}

}  // namespace selfsup::data
