// Turns the bytes of an image file into pixels. Knows no paths.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/registry.h"
#include "data/image.h"

namespace selfsup::data {

constexpr uint64_t kMaxImageFileBytes = 512u << 20;

// The format is told by the content. Results, for channels 3 (RGB) or 1 (grey):
// - JPEG: 8 bits, baseline or progressive; CMYK and YCCK as Adobe writes them (inverted). A warning of libjpeg
//   (truncation, corruption) makes the image bad, and so do more than 500 scans, or 300 MiB for the coefficients of a
//   progressive one.
// - PNG: palettes expanded, fewer than 8 bits scaled, of 16 bits the upper 8, alpha dropped; gamma and profiles
//   are ignored, of an animation the still image is taken.
// - The EXIF orientation is applied in both, as OpenCV does.
// - Grey of colour is (19595 R + 38470 G + 7471 B + 32768) >> 16; of a JPEG in YCbCr it is Y.
// Throws BadImage for everything else.
void decode_image(std::span<const uint8_t> bytes, int channels, Image& out);

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
// the pixels show, before memory is taken for more than the file can hold. Of what follows, the box decides what is
// seen:
// - JPEG: damage in the rows down to the box's last, and that the file lacks its end, wherever it was cut. Of one that
//   is not baseline, all of it.
// - PNG: all of it.
std::unique_ptr<Undecoded> open_image(std::span<const uint8_t> bytes, int channels);

// What a file of this folder defines, and types.cpp lists: one format.
struct Codec {
  std::vector<std::string_view> names;    // for messages
  std::vector<std::string_view> endings;  // of file names, in small letters
  bool (*begins)(std::span<const uint8_t> bytes);
  std::unique_ptr<Undecoded> (*open)(std::span<const uint8_t> bytes, int channels);  // as open_image
};
const Registry<Codec>& codecs();

// For the codecs.
bool has_at(std::span<const uint8_t> bytes, size_t at, std::string_view magic);

// The orientation (1 to 8) in a block of EXIF data (a TIFF header and what follows); 1 when there is none.
int exif_orientation(std::span<const uint8_t> tiff);
// Turns the image so that it stands upright.
void apply_orientation(int orientation, Image& image);
// Where a box of an image ends up, and where it comes from; stored: all of the image, before it is turned.
Box turned_up(int orientation, Box box, const Box& stored);
Box turned_back(int orientation, Box box, const Box& stored);

// Grey of RGB, and RGB of grey; nothing when the image has that many channels.
void convert_channels(int channels, Image& image);

}  // namespace selfsup::data
