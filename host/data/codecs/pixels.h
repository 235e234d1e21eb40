// From the pixels that files hold to grey and RGB. Knows no format.
#pragma once
#include <array>
#include <cstdint>

#include "data/image.h"

namespace selfsup::data {

// Grey of RGB, and RGB of grey; nothing when the image has that many channels.
void convert_channels(int channels, Image& image);

// RGB of four channels of ink, stored inverted as Adobe does: red = K - (255 - C) K / 255, rounded.
void cmyk_to_rgb(Image& image);

// RGB without the fourth channel.
void drop_alpha(Image& image);
// RGB of RGB that was multiplied by a fourth channel, alpha; black where that is 0.
void undo_alpha(Image& image);

// Red, green, blue of each index.
using Palette = std::array<std::array<uint8_t, 3>, 256>;
Palette grey_ramp();
// RGB or grey of indices.
void expand_palette(const Palette& palette, int channels, Image& image);

}  // namespace selfsup::data
