#include "data/edits/edit.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

namespace selfsup::data {
namespace {

constexpr double kMaxSide = kMaxImageSide;
constexpr double kMaxNumber = std::numeric_limits<float>::max();  // some are drawn in single precision

struct Kind {
  std::string_view name;
  int numbers;
  uint32_t best_filter;  // the filters run up to it
  bool torchvision;      // differs there, or does not: the flag is taken. Else torchvision's is not drawn.
  Drawn drawn;
};

// By their numbers in ssp/edit.h. A new kind is named there, has its row here and its range in problem_of_numbers, and
// is drawn in colour.cpp, or alone in draw.cpp.
constexpr std::array<Kind, SSP_EDIT_ERASE + 1> kKinds = {{
    {},
    {"brightness", 1, 0, true, Drawn::colour},
    {"contrast", 1, 0, true, Drawn::colour},
    {"saturation", 1, 0, true, Drawn::colour},
    {"hue", 1, 0, true, Drawn::colour},
    {"grey", 3, 0, true, Drawn::colour},
    {"blur", 2, 0, true, Drawn::alone},
    {"solarize", 1, 0, true, Drawn::colour},
    {"posterize", 1, 0, true, Drawn::colour},
    {"invert", 0, 0, true, Drawn::colour},
    {"autocontrast", 0, 0, false, Drawn::colour},
    {"equalize", 0, 0, false, Drawn::colour},
    {"gamma", 1, 0, false, Drawn::colour},
    {"crop_resize", 6, SSP_EDIT_BICUBIC, true, Drawn::geometry},
    {"flip_horizontal", 0, 0, true, Drawn::geometry},
    {"flip_vertical", 0, 0, true, Drawn::geometry},
    {"affine", 6, SSP_EDIT_BILINEAR, false, Drawn::alone},
    {"erase", 5, 0, true, Drawn::alone},
}};

bool whole(double v) { return v == std::floor(v); }

std::string problem_of_flags(const Edit& edit, const Kind& kind) {
  if ((edit.flags & 0xffffu & ~uint32_t{SSP_EDIT_FILTER | SSP_EDIT_TORCHVISION}) != 0)
    return fmt::format("flags {:#x} have bits that this host does not know", edit.flags);
  if (filter_of(edit) > kind.best_filter)
    return fmt::format("the filter is {}; this kind takes 0 to {}", filter_of(edit), kind.best_filter);
  if (as_torchvision(edit) && !kind.torchvision) return "SSP_EDIT_TORCHVISION is not drawn for this kind; leave it out";
  return {};
}

std::string problem_of_box(const Edit& edit, const ImageShape& shape) {
  const double top = edit.v[0], left = edit.v[1], height = edit.v[2], width = edit.v[3];
  for (int i = 0; i < 6; ++i)
    if (!whole(edit.v[i])) return fmt::format("v[{}] is {}; boxes and sizes are whole pixels", i, edit.v[i]);
  if (top < 0 || left < 0 || height < 1 || width < 1 || top + height > shape.height || left + width > shape.width)
    return fmt::format("the box of {} x {} at row {}, column {} is not inside the image of {} x {}", height, width, top,
                       left, shape.height, shape.width);
  if (!(edit.v[4] >= 1 && edit.v[4] <= kMaxSide && edit.v[5] >= 1 && edit.v[5] <= kMaxSide))
    return fmt::format("the result is {} x {}; sides run from 1 to {}", edit.v[4], edit.v[5], kMaxSide);
  if (std::max(edit.v[4], height) * edit.v[5] > kMaxImagePixels)  // the columns are resized first
    return fmt::format("{} x {} of {} x {} make an image of {} x {} on the way; images have {} million pixels at most",
                       edit.v[4], edit.v[5], height, width, std::max(edit.v[4], height), edit.v[5],
                       kMaxImagePixels / 1'000'000);
  return {};
}

std::string problem_of_blur(const Edit& edit, const ImageShape& shape) {
  const double sigma = edit.v[0], size = edit.v[1];
  if (!(static_cast<float>(sigma) > 0 && sigma <= kMaxSide))
    return fmt::format("sigma is {}; expected above 0, to {}", sigma, kMaxSide);
  if (!as_torchvision(edit))
    return size == 0 ? std::string() : fmt::format("v[1] is {}; only torchvision's blur has a kernel size", size);
  const int side = std::min(shape.height, shape.width);
  if (!whole(size) || size < 1 || std::fmod(size, 2) != 1 || size > 2 * side - 1)
    return fmt::format("the kernel's size is {}; expected an odd number from 1 to {}, twice the shorter side less one",
                       size, 2 * side - 1);
  return {};
}

std::string problem_of_numbers(const Edit& edit, const ImageShape& shape) {
  const double* v = edit.v;
  switch (edit.kind) {
    case SSP_EDIT_BRIGHTNESS:
    case SSP_EDIT_CONTRAST:
    case SSP_EDIT_SATURATION:
      return v[0] >= 0 ? std::string() : fmt::format("the factor is {}; expected 0 or more", v[0]);
    case SSP_EDIT_HUE:
      return v[0] >= -0.5 && v[0] <= 0.5 ? std::string()
                                         : fmt::format("the shift is {}; expected -0.5 to 0.5 turns", v[0]);
    case SSP_EDIT_GREY:
      return v[0] >= 0 && v[1] >= 0 && v[2] >= 0
                 ? std::string()
                 : fmt::format("the weights are {}, {}, {}; expected 0 or more", v[0], v[1], v[2]);
    case SSP_EDIT_BLUR:
      return problem_of_blur(edit, shape);
    case SSP_EDIT_POSTERIZE:
      return whole(v[0]) && v[0] >= 0 && v[0] <= 8 ? std::string()
                                                   : fmt::format("{} bits; expected 0 to 8, a whole number", v[0]);
    case SSP_EDIT_GAMMA:
      return v[0] > 0 ? std::string() : fmt::format("gamma is {}; expected above 0", v[0]);
    case SSP_EDIT_CROP_RESIZE:
      return problem_of_box(edit, shape);
    case SSP_EDIT_ERASE:
      for (int i = 0; i < 5; ++i)
        if (!whole(v[i]) || std::abs(v[i]) > kMaxSide) return fmt::format("v[{}] is {}; no whole pixels", i, v[i]);
      if (v[2] < 0 || v[3] < 0) return fmt::format("the box is {} x {}", v[2], v[3]);
      return v[4] >= 0 && v[4] <= 255 ? std::string() : fmt::format("the value is {}; expected 0 to 255", v[4]);
    case SSP_EDIT_AFFINE:
      for (int i = 0; i < 6; ++i)
        if (std::abs(v[i]) > kMaxSide)
          return fmt::format("v[{}] is {}; expected {} to {}", i, v[i], -kMaxSide, kMaxSide);
      return {};
    default:
      return {};
  }
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
    if (!(std::abs(edit.v[i]) <= kMaxNumber))
      text = fmt::format("v[{}] is {}, not a finite number of single precision", i, edit.v[i]);
    else if (i >= kind.numbers && edit.v[i] != 0)
      text = fmt::format("v[{}] is {}; this kind takes {} numbers, the others are 0", i, edit.v[i], kind.numbers);
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
