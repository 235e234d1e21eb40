// SPDX-License-Identifier: Apache-2.0
// Edits by name: what a transform appends to an image (ssp/edit.h says what each number means). Knows no samples.
#pragma once
#include <cmath>
#include <cstdint>

#include "ssp/edit.h"

namespace ssp {
inline namespace v0 {
namespace edit {

enum class Filter : uint32_t { nearest = SSP_EDIT_NEAREST, bilinear = SSP_EDIT_BILINEAR, bicubic = SSP_EDIT_BICUBIC };

// Part of an image, in pixels.
struct Box {
  int64_t top, left, height, width;
};

constexpr ssp_edit brightness(double factor) { return {SSP_EDIT_BRIGHTNESS, 0, {factor}}; }
constexpr ssp_edit contrast(double factor) { return {SSP_EDIT_CONTRAST, 0, {factor}}; }
constexpr ssp_edit saturation(double factor) { return {SSP_EDIT_SATURATION, 0, {factor}}; }
constexpr ssp_edit hue(double turns) { return {SSP_EDIT_HUE, 0, {turns}}; }
constexpr ssp_edit grey() { return {SSP_EDIT_GREY, 0, {}}; }
constexpr ssp_edit grey(double red, double green, double blue) { return {SSP_EDIT_GREY, 0, {red, green, blue}}; }
constexpr ssp_edit blur(double sigma) { return {SSP_EDIT_BLUR, 0, {sigma}}; }
constexpr ssp_edit solarize(double threshold) { return {SSP_EDIT_SOLARIZE, 0, {threshold}}; }
constexpr ssp_edit posterize(int bits) { return {SSP_EDIT_POSTERIZE, 0, {static_cast<double>(bits)}}; }
constexpr ssp_edit invert() { return {SSP_EDIT_INVERT, 0, {}}; }
constexpr ssp_edit autocontrast() { return {SSP_EDIT_AUTOCONTRAST, 0, {}}; }
constexpr ssp_edit equalize() { return {SSP_EDIT_EQUALIZE, 0, {}}; }
constexpr ssp_edit gamma(double gamma) { return {SSP_EDIT_GAMMA, 0, {gamma}}; }
constexpr ssp_edit crop_resize(const Box& box, int64_t height, int64_t width, Filter filter = Filter::bilinear) {
  return {SSP_EDIT_CROP_RESIZE,
          static_cast<uint32_t>(filter),
          {static_cast<double>(box.top), static_cast<double>(box.left), static_cast<double>(box.height),
           static_cast<double>(box.width), static_cast<double>(height), static_cast<double>(width)}};
}
constexpr ssp_edit crop(const Box& box) { return crop_resize(box, box.height, box.width, Filter::nearest); }
constexpr ssp_edit flip_horizontal() { return {SSP_EDIT_FLIP_HORIZONTAL, 0, {}}; }
constexpr ssp_edit flip_vertical() { return {SSP_EDIT_FLIP_VERTICAL, 0, {}}; }
// The pixel at (x, y) comes from (a x + b y + c, d x + e y + f), pixel centres at + 0.5.
constexpr ssp_edit affine(double a, double b, double c, double d, double e, double f, Filter filter) {
  return {SSP_EDIT_AFFINE, static_cast<uint32_t>(filter), {a, b, c, d, e, f}};
}
// By an angle in turns, counter-clockwise, about the middle of an image of that size.
inline ssp_edit rotate(double turns, int64_t height, int64_t width, Filter filter) {
  const double angle = turns * 6.283185307179586, c = std::cos(angle), s = std::sin(angle);
  const double x = static_cast<double>(width) / 2, y = static_cast<double>(height) / 2;
  return affine(c, -s, x - c * x + s * y, s, c, y - s * x - c * y, filter);
}
constexpr ssp_edit erase(const Box& box, double value) {
  return {SSP_EDIT_ERASE,
          0,
          {static_cast<double>(box.top), static_cast<double>(box.left), static_cast<double>(box.height),
           static_cast<double>(box.width), value}};
}

// The same edit with the rounding and the kernels of torchvision's u8 tensors.
constexpr ssp_edit as_torchvision(ssp_edit edit) {
  edit.flags |= SSP_EDIT_TORCHVISION;
  return edit;
}
// Its blur has a kernel of `size` taps.
constexpr ssp_edit torchvision_blur(double sigma, int size) {
  return {SSP_EDIT_BLUR, SSP_EDIT_TORCHVISION, {sigma, static_cast<double>(size)}};
}

}  // namespace edit
}  // namespace v0
}  // namespace ssp
