#include "data/codecs/pixels.h"

#include <algorithm>

namespace selfsup::data {
namespace {

size_t count_of(const Image& image) { return static_cast<size_t>(image.height) * static_cast<size_t>(image.width); }

uint8_t grey_of(const uint8_t* rgb) {
  return static_cast<uint8_t>((19595u * rgb[0] + 38470u * rgb[1] + 7471u * rgb[2] + 32768u) >> 16);
}

void become(int channels, Image& image) {
  image.channels = channels;
  image.pixels.resize(count_of(image) * static_cast<size_t>(channels));
}

}  // namespace

void convert_channels(int channels, Image& image) {
  if (image.channels == channels) return;
  const size_t count = count_of(image);
  if (channels == 1) {
    uint8_t* p = image.pixels.data();
    for (size_t i = 0; i < count; ++i) p[i] = grey_of(p + 3 * i);
    become(1, image);
  } else {
    become(3, image);
    uint8_t* p = image.pixels.data();
    for (size_t i = count; i-- > 0;) p[3 * i] = p[3 * i + 1] = p[3 * i + 2] = p[i];
  }
}

void cmyk_to_rgb(Image& image) {
  const size_t count = count_of(image);
  uint8_t* p = image.pixels.data();
  for (size_t i = 0; i < count; ++i) {
    const unsigned k = p[4 * i + 3];
    for (size_t c = 0; c < 3; ++c) {
      const unsigned product = (255u - p[4 * i + c]) * k + 128;
      p[3 * i + c] = static_cast<uint8_t>(k - ((product + (product >> 8)) >> 8));
    }
  }
  become(3, image);
}

void drop_alpha(Image& image) {
  const size_t count = count_of(image);
  uint8_t* p = image.pixels.data();
  for (size_t i = 0; i < count; ++i)
    for (size_t c = 0; c < 3; ++c) p[3 * i + c] = p[4 * i + c];
  become(3, image);
}

void undo_alpha(Image& image) {
  const size_t count = count_of(image);
  uint8_t* p = image.pixels.data();
  for (size_t i = 0; i < count; ++i) {
    const unsigned alpha = p[4 * i + 3];
    for (size_t c = 0; c < 3; ++c)
      p[3 * i + c] = static_cast<uint8_t>(alpha == 0 ? 0 : std::min(255u, p[4 * i + c] * 255u / alpha));
  }
  become(3, image);
}

Palette grey_ramp() {
  Palette palette;
  for (size_t i = 0; i < palette.size(); ++i) palette[i].fill(static_cast<uint8_t>(i));
  return palette;
}

void expand_palette(const Palette& palette, int channels, Image& image) {
  const size_t count = count_of(image);
  if (channels == 1) {
    std::array<uint8_t, 256> grey;
    for (size_t i = 0; i < grey.size(); ++i) grey[i] = grey_of(palette[i].data());
    for (uint8_t& p : image.pixels) p = grey[p];
    return;
  }
  become(3, image);
  uint8_t* p = image.pixels.data();
  for (size_t i = count; i-- > 0;) {
    const auto& colour = palette[p[i]];
    std::copy(colour.begin(), colour.end(), p + 3 * i);
  }
}

}  // namespace selfsup::data
