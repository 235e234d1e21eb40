#include "data/image.h"

#include <fmt/format.h>

namespace selfsup::data {

void check_image_size(int64_t height, int64_t width, int64_t max_pixels) {
  if (height < 1 || width < 1) throw BadImage(fmt::format("{} x {} pixels", width, height));
  if (width > kMaxImageSide || height > kMaxImageSide)
    throw BadImage(fmt::format("{} x {} pixels; sides may have {}", width, height, kMaxImageSide));
  if (width * height > max_pixels)
    throw BadImage(fmt::format("{} x {} pixels; an image may have {} (max_image_pixels)", width, height, max_pixels));
}

void Image::reshape(int64_t h, int64_t w, int c) {
  check_image_size(h, w);
  height = static_cast<int>(h), width = static_cast<int>(w), channels = c;
  pixels.resize(static_cast<size_t>(w * h) * static_cast<size_t>(c));
}

}  // namespace selfsup::data
