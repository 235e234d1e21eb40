// Gaussian blur of 8-bit images. Knows images only.
#pragma once
#include "data/image.h"

namespace selfsup::data {

// Pillow's: three box blurs with a fractional radius in each direction, each rounded to 8 bits. out is not in.
void blur(const Image& in, double sigma, Image& out);

// torchvision's: a kernel of `size` (odd) taps in each direction, in float; what is outside mirrors what is inside.
void blur_torchvision(const Image& in, double sigma, int size, Image& out);

}  // namespace selfsup::data
