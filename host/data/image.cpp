#include "data/image.h"

#include <fmt/format.h>

namespace selfsup::data {

void check_image_size(int64_t height, int64_t width) {
  if (width > kMaxImageSide || height > kMaxImageSide || width * height > kMaxImagePixels)
    throw BadImage(fmt::format("{} x {} pixels; sides may have {}, images {} million", width, height, kMaxImageSide,
                               kMaxImagePixels / 1'000'000));
}

void Image::reshape(int64_t h, int64_t w, int c) {
  check_image_size(h, w);
  height = static_cast<int>(h), width = static_cast<int>(w), channels = c;
  pixels.resize(static_cast<size_t>(w * h) * static_cast<size_t>(c));
}

}  // namespace selfsup::data
