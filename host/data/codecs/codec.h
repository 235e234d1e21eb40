// Turns the bytes of a picture file into pixels. Knows no paths.
#pragma once
#include <cstdint>
#include <span>

#include "data/datasets/dataset.h"
#include "data/image.h"

namespace selfsup::data {

constexpr uint64_t kMaxImageFileBytes = 512u << 20;
constexpr int64_t kMaxImageSide = 65535;
constexpr int64_t kMaxImagePixels = 64'000'000;  // checked before memory is taken

// The format is told by the content. Results, for channels 3 (RGB) or 1 (grey):
// - JPEG: 8 bits, baseline or progressive; CMYK and YCCK as Adobe writes them (inverted). A warning of libjpeg
//   (truncation, corruption) makes the picture bad, and so do more than 500 scans, or 300 MiB for the coefficients of a
//   progressive one.
// - PNG: palettes expanded, fewer than 8 bits scaled, of 16 bits the upper 8, alpha dropped; gamma and profiles
//   are ignored, of an animation the still picture is taken.
// - The EXIF orientation is applied in both, as OpenCV does.
// - Grey of colour is (19595 R + 38470 G + 7471 B + 32768) >> 16; of a JPEG in YCbCr it is Y.
// Throws BadImage for everything else.
void decode_image(std::span<const uint8_t> bytes, int channels, Image& out);

// The formats, for decode_image.
void decode_jpeg(std::span<const uint8_t> bytes, int channels, Image& out);
void decode_png(std::span<const uint8_t> bytes, int channels, Image& out);

// BadImage when a picture of that size is not to be decoded.
void check_image_size(uint64_t width, uint64_t height);

// The orientation (1 to 8) in a block of EXIF data (a TIFF header and what follows); 1 when there is none.
int exif_orientation(std::span<const uint8_t> tiff);
// Turns the picture so that it stands upright.
void apply_orientation(int orientation, Image& image);

// Grey of RGB, and RGB of grey; nothing when the picture has that many channels.
void convert_channels(int channels, Image& image);

}  // namespace selfsup::data
