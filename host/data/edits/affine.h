// Affine maps of 8-bit images, equal to Pillow's. Knows images only.
#pragma once
#include <algorithm>

#include "data/image.h"

namespace selfsup::data {

// The pixel at (x, y) of out comes from (a x + b y + c, d x + e y + f) of in, m = {a, b, c, d, e, f}, pixel centres at
// + 0.5; what comes from outside is black. out has the shape of in, and is not in.
void affine_nearest(const Image& in, const double m[6], Image& out);
void affine_bilinear(const Image& in, const double m[6], Image& out);

// The nearest pixels for `count` places, `scale` apart; -1 for all before the first pixel.
// Pillow adds up the scale; that its sum is not a product shows in some sizes.
template <class Use>
void nearest_places(double first, double scale, int count, const Use& use) {
  double at = first;
  for (int i = 0; i < count; ++i, at += scale)
    use(i, at < 0 ? -1 : static_cast<int>(std::min(at, double{kMaxImageSide})));
}

}  // namespace selfsup::data
