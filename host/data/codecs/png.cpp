// PNG by libpng. Its errors leave by longjmp, never as exceptions through C frames.
#include <png.h>
#include <zlib.h>

#include <fmt/format.h>

#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <string>

#include "data/codecs/codec.h"

namespace selfsup::data {
namespace {

struct Decoder {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::span<const uint8_t> rest;
  std::jmp_buf escape;
  char message[256] = {};
  std::vector<png_bytep> rows;

  Decoder() = default;
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder() {
    if (png != nullptr) png_destroy_read_struct(&png, &info, nullptr);
  }
};

[[noreturn]] void on_error(png_structp png, png_const_charp text) {
  Decoder& decoder = *static_cast<Decoder*>(png_get_error_ptr(png));
  std::snprintf(decoder.message, sizeof(decoder.message), "%s", text);
  std::longjmp(decoder.escape, 1);
}

void on_warning(png_structp, png_const_charp) {}

void on_read(png_structp png, png_bytep out, size_t bytes) {
  Decoder& decoder = *static_cast<Decoder*>(png_get_io_ptr(png));
  if (bytes > decoder.rest.size()) png_error(png, "the data end too early");
  std::memcpy(out, decoder.rest.data(), bytes);
  decoder.rest = decoder.rest.subspan(bytes);
}

// Four letters and a zero each. What nobody here asks for is passed over, not read: profiles and texts may be packed a
// thousandfold.
constexpr png_byte kPassedOver[] =
    "bKGD\0cHRM\0eXIf\0gAMA\0hIST\0iCCP\0iTXt\0oFFs\0pCAL\0pHYs\0sBIT\0sCAL\0sPLT\0sRGB\0tEXt\0tIME\0zTXt";
constexpr int kPassedOverCount = sizeof(kPassedOver) / 5;

// Everything that may longjmp; creates no object with a destructor. False: decoder.message says why.
bool read_header(Decoder& decoder) {
  if (setjmp(decoder.escape)) return false;
  decoder.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &decoder, on_error, on_warning);
  if (decoder.png == nullptr || (decoder.info = png_create_info_struct(decoder.png)) == nullptr) {
    std::snprintf(decoder.message, sizeof(decoder.message), "libpng cannot start");
    return false;
  }
  png_set_read_fn(decoder.png, &decoder, on_read);
  png_set_user_limits(decoder.png, kMaxImageSide, kMaxImageSide);
  png_set_keep_unknown_chunks(decoder.png, PNG_HANDLE_CHUNK_NEVER, kPassedOver, kPassedOverCount);
  png_read_info(decoder.png, decoder.info);
  return true;
}

// Asks for 8 bits of grey or RGB; returns the channels in `channels`.
bool set_conversions(Decoder& decoder, int& channels) {
  if (setjmp(decoder.escape)) return false;
  png_set_expand(decoder.png);    // palettes, fewer than 8 bits
  png_set_strip_16(decoder.png);  // keeps the upper byte
  png_set_strip_alpha(decoder.png);
  png_set_interlace_handling(decoder.png);
  png_read_update_info(decoder.png, decoder.info);
  channels = png_get_channels(decoder.png, decoder.info);
  return true;
}

bool read_pixels(Decoder& decoder) {
  if (setjmp(decoder.escape)) return false;
  png_read_image(decoder.png, decoder.rows.data());
  png_read_end(decoder.png, decoder.info);
  return true;
}

// What is known of the file before libpng takes memory for any of it.
struct Chunks {
  uint64_t pixel_bytes = 0;       // packed
  std::span<const uint8_t> exif;  // wherever it stands
};

uint32_t number(const uint8_t* p) { return uint32_t{p[0]} << 24 | uint32_t{p[1]} << 16 | uint32_t{p[2]} << 8 | p[3]; }

// libpng takes the memory that a chunk's length asks for before it reads.
Chunks survey(std::span<const uint8_t> bytes) {
  Chunks found;
  constexpr size_t kSignature = 8, kAround = 12;  // length and name before a chunk, checksum behind it
  for (size_t at = kSignature;;) {
    const uint8_t* chunk = bytes.data() + at;
    const size_t left = bytes.size() - at;
    const uint64_t length = left >= sizeof(uint32_t) ? number(chunk) : 0;
    if (length > left)
      throw BadImage(fmt::format("damaged PNG: a chunk claims {} bytes, where {} are left of the file", length, left));
    if (kAround + length > left) throw BadImage("damaged PNG: the data end too early");
    if (has_at(bytes, at + 4, "IDAT")) found.pixel_bytes += length;
    if (has_at(bytes, at + 4, "eXIf") &&
        crc32(0, chunk + 4, static_cast<uInt>(length + 4)) == number(chunk + 8 + length))
      found.exif = {chunk + 8, length};
    if (has_at(bytes, at + 4, "IEND")) break;
    at += kAround + length;
  }
  return found;
}

class Png : public Undecoded {
 public:
  Png(std::span<const uint8_t> bytes, int channels) : channels_(channels) {
    const Chunks chunks = survey(bytes);
    decoder_.rest = bytes;
    if (!read_header(decoder_)) fail();
    const uint32_t width = png_get_image_width(decoder_.png, decoder_.info);
    const uint32_t height = png_get_image_height(decoder_.png, decoder_.info);
    check_image_size(height, width);
    constexpr uint64_t kMostPacked = 1032;  // times, by deflate
    const uint64_t unpacked = uint64_t{height} * png_get_rowbytes(decoder_.png, decoder_.info);
    if (unpacked > kMostPacked * chunks.pixel_bytes)
      throw BadImage(fmt::format("damaged PNG: it claims {} x {} pixels, which {} bytes cannot hold", width, height,
                                 chunks.pixel_bytes));
    stored_ = {0, 0, static_cast<int>(height), static_cast<int>(width)};
    orientation_ = exif_orientation(chunks.exif);
  }

  ImageShape shape() const override {
    const Box upright = turned_up(orientation_, stored_, stored_);
    return {upright.height, upright.width, channels_};
  }

  Box decode(const Box&, Image& out) override {
    int components = 0;
    if (!set_conversions(decoder_, components)) fail();
    out.reshape(stored_.height, stored_.width, components);
    if (png_get_rowbytes(decoder_.png, decoder_.info) != out.row_bytes())
      throw BadImage("a PNG of an unexpected layout");
    decoder_.rows.resize(static_cast<size_t>(stored_.height));
    for (int y = 0; y < stored_.height; ++y) decoder_.rows[static_cast<size_t>(y)] = out.row(y);
    if (!read_pixels(decoder_)) fail();
    convert_channels(channels_, out);
    apply_orientation(orientation_, out);
    return {0, 0, out.height, out.width};
  }

 private:
  [[noreturn]] void fail() const { throw BadImage(std::string("damaged PNG: ") + decoder_.message); }

  const int channels_;
  Decoder decoder_;
  int orientation_ = 1;
  Box stored_;  // all of it, as it is stored
};

}  // namespace

Codec png() {
  return {{"PNG"},
          {"png"},
          [](std::span<const uint8_t> bytes) { return has_at(bytes, 0, "\x89PNG\r\n\x1A\n"); },
          [](std::span<const uint8_t> bytes, int channels) -> std::unique_ptr<Undecoded> {
            return std::make_unique<Png>(bytes, channels);
          }};
}

}  // namespace selfsup::data
