// Gaussian blur of 8-bit images. Knows images only. What is blurred has the shape of `in`, and other memory.
#pragma once
#include "data/image.h"

namespace selfsup::data {

// Pillow's: three box blurs with a fractional radius in each direction, each rounded to 8 bits.
void blur(const Image& in, double sigma, const Canvas& out);

// torchvision's: a kernel of `size` (odd) taps in each direction, in float; what is outside mirrors what is inside.
void blur_torchvision(const Image& in, double sigma, int size, const Canvas& out);

}  // namespace selfsup::data
