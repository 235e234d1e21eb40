// Affine maps of 8-bit images, equal to Pillow's. Knows images only.
#pragma once
#include "data/image.h"

namespace selfsup::data {

// The pixel at (x, y) of out comes from (a x + b y + c, d x + e y + f) of in, m = {a, b, c, d, e, f}, pixel centres at
// + 0.5; what comes from outside is black. out has the shape of in, and other memory.
void affine_nearest(const Image& in, const double m[6], const Canvas& out);
void affine_bilinear(const Image& in, const double m[6], const Canvas& out);

}  // namespace selfsup::data
