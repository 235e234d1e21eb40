// Resampling of 8-bit pictures, equal to Pillow's. Knows pictures only.
#pragma once
#include <string_view>

#include "data/image.h"

namespace selfsup::data {

enum class Interpolation { nearest, bilinear, bicubic };

// Part of a picture, in pixels.
struct Box {
  int top = 0, left = 0, height = 0, width = 0;
};

// The box of `in`, resampled to height x width: bilinear and bicubic (a = -0.5) with the kernel widened by the scale
// when shrinking (antialias), horizontal pass first, rounded and clamped to 8 bits in between; coefficients have 22
// bits after the point. No pixel outside the box takes part. The box lies inside `in`, which is not `out`.
void resize(const Image& in, Box box, int height, int width, Interpolation interpolation, Image& out);

// Copies the box.
void crop(const Image& in, Box box, Image& out);

}  // namespace selfsup::data
