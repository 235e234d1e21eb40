#include "data/codecs/codec.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>

#include "base/random.h"
#include "data/codecs/orientation.h"
#include "data/codecs/pixels.h"
#include "data/support/support.h"

namespace selfsup::data {
namespace {

using Catch::Matchers::Contains;
using namespace test;

Image decode(const Bytes& bytes, int channels) {
  Image image;
  decode_image(bytes, {.channels = channels}, image);
  return image;
}

Image with_channels(Image image, int channels) {
  convert_channels(channels, image);
  return image;
}

// Where the pixel at (y, x) of the upright picture is stored, by the definition of the orientations: the place of the
// first row and the first column of what is stored.
std::pair<int, int> stored_at(int orientation, int y, int x, int stored_h, int stored_w) {
  switch (orientation) {
    case 1:
      return {y, x};
    case 2:
      return {y, stored_w - 1 - x};
    case 3:
      return {stored_h - 1 - y, stored_w - 1 - x};
    case 4:
      return {stored_h - 1 - y, x};
    case 5:
      return {x, y};
    case 6:
      return {stored_h - 1 - x, y};
    case 7:
      return {stored_h - 1 - x, stored_w - 1 - y};
    default:
      return {x, stored_w - 1 - y};
  }
}

}  // namespace

TEST_CASE("JPEG: colour, grey, progressive") {
  const Image colour = gradient(33, 47, 3), grey = gradient(33, 47, 1);
  for (bool progressive : {false, true}) {
    CHECK(largest_difference(decode(jpeg(colour, {.progressive = progressive}), 3), colour) <= 4);
    const Bytes bytes = jpeg(grey, {.colour = JpegColour::grey, .progressive = progressive});
    CHECK(largest_difference(decode(bytes, 1), grey) <= 4);
    CHECK(largest_difference(decode(bytes, 3), with_channels(grey, 3)) <= 4);
  }
  CHECK(largest_difference(decode(jpeg(colour), 1), with_channels(colour, 1)) <= 4);
}

TEST_CASE("JPEG: four inks become red, green, blue as Adobe stores them") {
  const Image inks = gradient(20, 24, 4);  // inverted: 255 is no ink
  Image want;
  want.reshape(20, 24, 3);
  for (size_t i = 0; i < want.pixels.size() / 3; ++i)
    for (size_t c = 0; c < 3; ++c) {
      const double ink = 255 - inks.pixels[4 * i + c], light = inks.pixels[4 * i + 3];
      want.pixels[3 * i + c] = static_cast<uint8_t>(light - ink * light / 255 + 0.5);
    }
  CHECK(largest_difference(decode(jpeg(inks, {.colour = JpegColour::cmyk, .quality = 100}), 3), want) <= 3);
  CHECK(largest_difference(decode(jpeg(inks, {.colour = JpegColour::ycck, .quality = 100}), 3), want) <= 4);
  CHECK(largest_difference(decode(jpeg(inks, {.colour = JpegColour::cmyk, .quality = 100}), 1),
                           with_channels(want, 1)) <= 3);
}

TEST_CASE("PNG: every colour type and depth") {
  const Image colour = gradient(21, 30, 3), grey = gradient(21, 30, 1);
  for (bool interlaced : {false, true})
    for (int bits : {8, 16}) {
      CHECK(largest_difference(decode(png(colour, {.bits = bits, .interlaced = interlaced}), 3), colour) == 0);
      CHECK(largest_difference(decode(png(grey, {.bits = bits, .interlaced = interlaced}), 1), grey) == 0);
    }
  CHECK(largest_difference(decode(png(grey), 3), with_channels(grey, 3)) == 0);
  CHECK(largest_difference(decode(png(colour), 1), with_channels(colour, 1)) == 0);

  SECTION("alpha is dropped, not blended") {
    const Image alpha = gradient(21, 30, 4), grey_alpha = gradient(21, 30, 2);
    Image want, want_grey;
    want.reshape(21, 30, 3);
    want_grey.reshape(21, 30, 1);
    for (size_t i = 0; i < want_grey.pixels.size(); ++i) {
      for (size_t c = 0; c < 3; ++c) want.pixels[3 * i + c] = alpha.pixels[4 * i + c];
      want_grey.pixels[i] = grey_alpha.pixels[2 * i];
    }
    CHECK(largest_difference(decode(png(alpha), 3), want) == 0);
    CHECK(largest_difference(decode(png(grey_alpha), 1), want_grey) == 0);
  }
  SECTION("palettes and few bits are expanded") {
    Image indices;
    indices.reshape(5, 7, 1);
    for (size_t i = 0; i < indices.pixels.size(); ++i) indices.pixels[i] = static_cast<uint8_t>(i % 3);
    const std::vector<Colour> palette = {{255, 0, 10}, {1, 200, 3}, {90, 91, 92}};
    Image want;
    want.reshape(5, 7, 3);
    for (size_t i = 0; i < indices.pixels.size(); ++i) std::memcpy(&want.pixels[3 * i], &palette[i % 3], 3);
    for (int bits : {2, 4, 8}) {
      CHECK(largest_difference(decode(png_palette(indices, palette, {}, bits), 3), want) == 0);
      CHECK(largest_difference(decode(png_palette(indices, palette, {0, 128}, bits), 3), want) == 0);
    }
    Image scaled = indices;
    for (uint8_t& p : scaled.pixels) p = static_cast<uint8_t>(p * 85);
    CHECK(largest_difference(decode(png(indices, {.bits = 2}), 1), scaled) == 0);
  }
}

TEST_CASE("the EXIF orientation is applied, as OpenCV does") {
  const Image stored = gradient(16, 24, 3);
  for (int orientation = 1; orientation <= 8; ++orientation) {
    INFO(orientation);
    Image want;
    want.reshape(orientation >= 5 ? 24 : 16, orientation >= 5 ? 16 : 24, 3);
    for (int y = 0; y < want.height; ++y)
      for (int x = 0; x < want.width; ++x) {
        const auto [row, column] = stored_at(orientation, y, x, 16, 24);
        std::memcpy(want.row(y) + 3 * x, stored.row(row) + 3 * column, 3);
      }
    CHECK(largest_difference(decode(png(stored, {.orientation = orientation}), 3), want) == 0);
    for (bool big_endian : {false, true})
      CHECK(largest_difference(
                decode(jpeg(stored, {.quality = 100, .orientation = orientation, .big_endian = big_endian}), 3),
                want) <= 3);
  }
  CHECK(largest_difference(decode(png(stored, {.orientation = 9}), 3), stored) == 0);
}

TEST_CASE("EXIF blocks of any bytes are read within their bounds") {
  KeyedRandom random(1);
  for (int i = 0; i < 2000; ++i) {
    std::vector<uint8_t> block(random.below(40));
    for (uint8_t& b : block) b = static_cast<uint8_t>(random.below(256));
    const char* head = i % 2 == 0 ? "II*\0" : "MM\0*";
    std::copy_n(head, std::min<size_t>(block.size(), 4), block.begin());
    if (block.size() > 7) std::memset(block.data() + 4, static_cast<int>(random.below(2)) * 255, 3);
    const int orientation = exif_orientation(block);
    CHECK(orientation >= 1);
    CHECK(orientation <= 8);
  }
}

TEST_CASE("what is no sound picture is refused with its reason") {
  const Bytes good_jpeg = jpeg(gradient(64, 64, 3)), good_png = png(gradient(64, 64, 3));
  CHECK(reason(good_jpeg).empty());
  CHECK(reason(good_png).empty());
  CHECK_THAT(reason({}), Contains("empty"));
  CHECK_THAT(reason({'h', 'e', 'l', 'l', 'o'}), Contains("not an image"));
  for (const auto& [begins, format] : {std::pair<std::string, std::string>("GIF89a", "damaged GIF"),
                                       {std::string("RIFF\0\0\0\0WEBPVP8 ", 16), "damaged WebP"},
                                       {std::string("II*\0\b\0\0\0", 8), "damaged TIFF"},
                                       {"BM", "damaged BMP"},
                                       {"P6 ", "damaged PNM"},
                                       {std::string("\0\0\0\x10"
                                                    "ftypavif\0\0\0\0",
                                                    16),
                                        "damaged AVIF"},
                                       {std::string("\0\0\0\x18"
                                                    "ftypheic",
                                                    12),
                                        "HEIC is not supported; JPEG, PNG, WebP"},
                                       {"\xFF\x0A", "JPEG XL is not supported"},
                                       {"<!DOCTYPE html>", "an HTML page is not supported"}})
    CHECK_THAT(reason(Bytes(begins.begin(), begins.end())), Contains(format));

  SECTION("cut anywhere") {
    for (size_t cut : {size_t{3}, size_t{20}, good_jpeg.size() / 2, good_jpeg.size() - 20})
      CHECK_THAT(reason(Bytes(good_jpeg.begin(), good_jpeg.begin() + static_cast<ptrdiff_t>(cut))), Contains("JPEG"));
    for (size_t cut : {size_t{8}, size_t{20}, good_png.size() / 2, good_png.size() - 14})
      CHECK_THAT(reason(Bytes(good_png.begin(), good_png.begin() + static_cast<ptrdiff_t>(cut))), Contains("PNG"));
  }
  SECTION("a changed byte of a PNG's pixels") {
    Bytes bytes = good_png;
    bytes[bytes.size() / 2] ^= 0x10;
    CHECK_THAT(reason(bytes), Contains("damaged PNG"));
  }
  SECTION("huge dimensions are refused before memory is taken") {
    for (auto [w, h] : {std::pair{65535u, 65535u}, {70000u, 2u}, {0x7fffffffu, 0x7fffffffu}, {8001u, 8000u}})
      CHECK_FALSE(reason(png_claiming(w, h)).empty());
    Bytes bytes = good_jpeg;
    for (size_t i = 0; i + 9 < bytes.size(); ++i)
      if (bytes[i] == 0xFF && bytes[i + 1] == 0xC0) bytes[i + 5] = bytes[i + 6] = bytes[i + 7] = bytes[i + 8] = 0xFA;
    CHECK_THAT(reason(bytes), Contains("64250 x 64250"));
  }
}

TEST_CASE("damaged bytes never do more than be refused") {
  KeyedRandom random(7);
  const Image image = gradient(40, 56, 3);
  const std::vector<Bytes> sound = {jpeg(image), jpeg(image, {.progressive = true, .orientation = 6}), png(image),
                                    png(image, {.bits = 16, .interlaced = true, .orientation = 5})};
  int decoded = 0, refused = 0;
  for (int i = 0; i < 600; ++i) {
    Bytes bytes = sound[static_cast<size_t>(i) % sound.size()];
    for (uint64_t n = 1 + random.below(4); n-- > 0;)
      bytes[random.below(bytes.size())] = static_cast<uint8_t>(random.below(256));
    try {
      const Image out = decode(bytes, 1 + 2 * (i / 4 % 2));
      CHECK(out.pixels.size() ==
            static_cast<size_t>(out.height) * static_cast<size_t>(out.width) * static_cast<size_t>(out.channels));
      ++decoded;
    } catch (const BadImage&) {
      ++refused;
    }
  }
  CHECK(decoded > 0);
  CHECK(refused > 0);
}

}  // namespace selfsup::data
