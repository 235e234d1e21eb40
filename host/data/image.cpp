#include "data/image.h"

#include <fmt/format.h>

namespace selfsup::data {

void Image::reshape(int64_t h, int64_t w, int c) {
  if (w > kMaxImageSide || h > kMaxImageSide || w * h > kMaxImagePixels)
    throw BadImage(fmt::format("{} x {} pixels; sides may have {}, images {} million", w, h, kMaxImageSide,
                               kMaxImagePixels / 1'000'000));
  height = static_cast<int>(h), width = static_cast<int>(w), channels = c;
  pixels.resize(static_cast<size_t>(w * h) * static_cast<size_t>(c));
}

}  // namespace selfsup::data
