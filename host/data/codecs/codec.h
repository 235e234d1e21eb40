// Turns the bytes of an image file into pixels. Knows no paths.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/registry.h"
#include "data/image.h"

namespace selfsup::data {

constexpr uint64_t kMaxImageFileBytes = 512u << 20;

// How files are decoded, whatever their format.
struct Decoding {
  int channels = 3;                      // 3: RGB, 1: grey
  int64_t max_pixels = kMaxImagePixels;  // of an image; kMostImagePixels at most
  bool keep_truncated = false;           // of a file that was cut, what is there, as Pillow's LOAD_TRUNCATED_IMAGES
};

// The format is told by the content. Pixels are those of Pillow's convert("RGB"):
// - JPEG: 8 bits, baseline or progressive; CMYK and YCCK as Adobe writes them (inverted). What libjpeg warns of is
//   damage where it may have cost pixels. More than 500 scans are refused, scans that go over more blocks than 96 grey
//   images of max_pixels (or of kMaxImagePixels) have, and a progressive image whose coefficients take more than 6
//   bytes for each of max_pixels.
// - PNG: gamma and profiles are ignored, of an animation the still image is taken.
// - WebP, AVIF: of an animation the first frame. TIFF: the first image, of 1, 2, 4, 8 or 16 bits. GIF: the first frame
//   on its screen. BMP, PNM.
// - Palettes are expanded, fewer than 8 bits scaled, of 16 bits the upper 8 taken (of grey too, which Pillow clips),
//   alpha dropped; where colours were multiplied by it, that is undone.
// - The orientation of EXIF or of the format is applied, as OpenCV does.
// - Grey of colour is (19595 R + 38470 G + 7471 B + 32768) >> 16; of a JPEG in YCbCr it is Y.
// - keep_truncated: pixels that are missing are grey in a JPEG, else black or of the palette's first colour (of a GIF
//   with a transparent colour, of that). A WebP, an AVIF and a compressed TIFF are refused all the same.
// - A file that was cut is refused, or lacks nothing that a pixel needs; but where the text of a P2 or P3 ends without
// a
//   blank, digits of its last number may be missing.
// Throws BadImage for everything else, before memory is taken for more than the file can hold; std::bad_alloc. Nothing
// but max_pixels bounds what a few bytes can hold of one colour in a lossless WebP, an AVIF, a JPEG in arithmetic
// coding and a TIFF in a fax's; nor what was cut off a file that is kept.
void decode_image(std::span<const uint8_t> bytes, const Decoding& how, Image& out);

// A picture whose header has been read. Of one thread.
class Undecoded {
 public:
  virtual ~Undecoded() = default;
  virtual ImageShape shape() const = 0;  // upright, with the channels asked for
  // Once: decodes the box at least, to the very pixels that decoding everything gives. Returns the part of the picture
  // that `out` then is. BadImage.
  virtual Box decode(const Box& box, Image& out) = 0;
};

// As decode_image up to the pixels; the bytes outlive the result. BadImage for what the header and the markers before
// the pixels show. Of what follows, the box decides what is seen:
// - JPEG: damage in the rows down to the box's last, and that the file lacks its end, wherever it was cut. Of one that
//   is not baseline, all of it.
// - The other formats: all of it.
std::unique_ptr<Undecoded> open_image(std::span<const uint8_t> bytes, const Decoding& how);

// Why an image cannot be decoded, as far as its first bytes (kBeginning of them, or the whole file) tell; "" when a
// codec knows them.
constexpr size_t kBeginning = 256;
std::string refusal_of_beginning(std::span<const uint8_t> bytes);

// What a file of this folder defines, and types.cpp lists: one format.
struct Codec {
  std::vector<std::string_view> names;    // for messages
  std::vector<std::string_view> endings;  // of file names, in small letters
  bool (*begins)(std::span<const uint8_t> bytes);
  std::unique_ptr<Undecoded> (*open)(std::span<const uint8_t> bytes, const Decoding& how);  // as open_image
};
// In the order in which they are asked: those last whose beginning is short.
const Registry<Codec>& codecs();

}  // namespace selfsup::data
