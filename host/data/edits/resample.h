// Resampling of 8-bit images, equal to Pillow's. Knows no lists of edits.
#pragma once
#include <cstdint>

#include "data/edits/edit.h"
#include "data/image.h"

namespace selfsup::data {

// Pillow's coefficients have 22 bits after the point, those of torchvision's u8 tensors as many as leave the largest
// one 15 bits. The nearest pixel is that at the centre, or that at the corner.
enum class Arithmetic { pillow, torchvision };

// The box of `in`, resampled to height x width, mirrored in each row where that is asked for, row by row: bilinear and
// bicubic (a = -0.5) with the kernel widened by the scale when shrinking (antialias), horizontal pass first, rounded
// and clamped to 8 bits in between. No pixel outside the box takes part. The box lies inside `in`, which outlives this.
class Resampler {
 public:
  Resampler(const Image& in, Box box, int height, int width, Interpolation interpolation, Arithmetic arithmetic,
            bool mirrored = false);
  // width * channels bytes of `out`.
  void row(int y, uint8_t* out) const;

 private:
  enum class Way { copy, nearest, passes };
  const Image& in_;
  Box box_;
  int height_, width_;
  Way way_;
  bool mirrored_;  // by row(): it is not in the weights
};

}  // namespace selfsup::data
