// PNG by libpng. Its errors leave by longjmp, never as exceptions through C frames.
#include <png.h>

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

  ~Decoder() {
    if (png != nullptr) png_destroy_read_struct(&png, &info, nullptr);
  }
};

[[noreturn]] void on_error(png_structp png, png_const_charp text) {
  Decoder& decoder = *static_cast<Decoder*>(png_get_error_ptr(png));
  std::snprintf(decoder.message, sizeof(decoder.message), "%s", text);
  std::longjmp(decoder.escape, 1);
}

// Warnings are about colour profiles, text and the like; damaged pixels are errors.
void on_warning(png_structp, png_const_charp) {}

void on_read(png_structp png, png_bytep out, size_t bytes) {
  Decoder& decoder = *static_cast<Decoder*>(png_get_io_ptr(png));
  if (bytes > decoder.rest.size()) png_error(png, "the data end too early");
  std::memcpy(out, decoder.rest.data(), bytes);
  decoder.rest = decoder.rest.subspan(bytes);
}

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
  png_set_chunk_malloc_max(decoder.png, 16u << 20);
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

void decode(std::span<const uint8_t> bytes, int channels, Image& out) {
  Decoder decoder;
  decoder.rest = bytes;
  const auto fail = [&] { throw BadImage(std::string("damaged PNG: ") + decoder.message); };
  if (!read_header(decoder)) fail();
  const uint32_t width = png_get_image_width(decoder.png, decoder.info);
  const uint32_t height = png_get_image_height(decoder.png, decoder.info);
  int stored = 0;
  if (!set_conversions(decoder, stored)) fail();
  out.reshape(height, width, stored);
  if (png_get_rowbytes(decoder.png, decoder.info) != out.row_bytes()) throw BadImage("a PNG of an unexpected layout");
  decoder.rows.resize(height);
  for (uint32_t y = 0; y < height; ++y) decoder.rows[y] = out.row(static_cast<int>(y));
  if (!read_pixels(decoder)) fail();
  convert_channels(channels, out);
  png_uint_32 exif_bytes = 0;
  png_bytep exif = nullptr;
  if (png_get_eXIf_1(decoder.png, decoder.info, &exif_bytes, &exif) != 0)
    apply_orientation(exif_orientation({exif, exif_bytes}), out);
}

}  // namespace

Codec png() {
  return {
      {"PNG"}, {"png"}, [](std::span<const uint8_t> bytes) { return has_at(bytes, 0, "\x89PNG\r\n\x1A\n"); }, decode};
}

}  // namespace selfsup::data
