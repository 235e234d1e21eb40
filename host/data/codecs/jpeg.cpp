// JPEG by libjpeg-turbo. Its errors leave by longjmp, never as exceptions through C frames.
#include <csetjmp>
#include <cstddef>
#include <cstdio>
// jpeglib.h needs the two above.
#include <jerror.h>
#include <jpeglib.h>

#include <cstring>
#include <string>

#include "data/codecs/codec.h"

namespace selfsup::data {
namespace {

constexpr long kMaxMemory = 300L << 20;  // of libjpeg: a progressive image is held whole, as coefficients
constexpr int kMaxScans = 500;           // of a progressive image: each costs a pass over all of it

struct Decoder {
  jpeg_decompress_struct info{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  std::jmp_buf escape;
  char message[JMSG_LENGTH_MAX] = {};
  bool created = false;

  ~Decoder() {
    if (created) jpeg_destroy_decompress(&info);
  }
};

Decoder& decoder_of(j_common_ptr info) { return *static_cast<Decoder*>(info->client_data); }

[[noreturn]] void leave(j_common_ptr info) {
  Decoder& decoder = decoder_of(info);
  info->err->format_message(info, decoder.message);
  std::longjmp(decoder.escape, 1);
}

// Corruption that libjpeg would patch over: level -1. Higher levels are traces.
void on_message(j_common_ptr info, int level) {
  if (level < 0) leave(info);
}

void on_progress(j_common_ptr info) {
  if (info->is_decompressor && reinterpret_cast<j_decompress_ptr>(info)->input_scan_number > kMaxScans) {
    Decoder& decoder = decoder_of(info);
    std::snprintf(decoder.message, sizeof(decoder.message), "more than %d scans", kMaxScans);
    std::longjmp(decoder.escape, 1);
  }
}

void ignore(j_common_ptr) {}

// Everything that may longjmp; creates no object with a destructor. False: decoder.message says why.
bool read_header(Decoder& decoder, std::span<const uint8_t> bytes) {
  decoder.info.err = jpeg_std_error(&decoder.errors);
  decoder.errors.error_exit = leave;
  decoder.errors.emit_message = on_message;
  decoder.errors.output_message = ignore;
  decoder.info.client_data = &decoder;
  if (setjmp(decoder.escape)) return false;
  jpeg_create_decompress(&decoder.info);
  decoder.created = true;
  decoder.info.mem->max_memory_to_use = kMaxMemory;
  decoder.progress.progress_monitor = on_progress;
  decoder.info.progress = &decoder.progress;
  jpeg_mem_src(&decoder.info, bytes.data(), bytes.size());
  jpeg_save_markers(&decoder.info, JPEG_APP0 + 1, 0xFFFF);
  jpeg_read_header(&decoder.info, TRUE);
  return true;
}

// Pixels of output_components bytes into `pixels`, which has room for them.
bool read_pixels(Decoder& decoder, uint8_t* pixels, size_t row_bytes) {
  if (setjmp(decoder.escape)) return false;
  jpeg_start_decompress(&decoder.info);
  while (decoder.info.output_scanline < decoder.info.output_height) {
    JSAMPROW rows[4];
    const JDIMENSION left = decoder.info.output_height - decoder.info.output_scanline;
    const JDIMENSION count = left < 4 ? left : 4;
    for (JDIMENSION i = 0; i < count; ++i) rows[i] = pixels + (decoder.info.output_scanline + i) * row_bytes;
    jpeg_read_scanlines(&decoder.info, rows, count);
  }
  jpeg_finish_decompress(&decoder.info);
  return true;
}

int orientation(const jpeg_decompress_struct& info) {
  static constexpr char kExif[6] = {'E', 'x', 'i', 'f', 0, 0};
  for (jpeg_saved_marker_ptr marker = info.marker_list; marker != nullptr; marker = marker->next) {
    if (marker->data_length > sizeof(kExif) && std::memcmp(marker->data, kExif, sizeof(kExif)) == 0)
      return exif_orientation({marker->data + sizeof(kExif), marker->data_length - sizeof(kExif)});
  }
  return 1;
}

// Adobe's CMYK is stored inverted: red = K - (255 - C) K / 255, rounded.
void cmyk_to_rgb(Image& image) {
  const size_t count = static_cast<size_t>(image.height) * static_cast<size_t>(image.width);
  uint8_t* p = image.pixels.data();
  for (size_t i = 0; i < count; ++i) {
    const unsigned k = p[4 * i + 3];
    for (size_t c = 0; c < 3; ++c) {
      const unsigned product = (255u - p[4 * i + c]) * k + 128;
      p[3 * i + c] = static_cast<uint8_t>(k - ((product + (product >> 8)) >> 8));
    }
  }
  image.channels = 3;
  image.pixels.resize(count * 3);
}

void decode(std::span<const uint8_t> bytes, int channels, Image& out) {
  Decoder decoder;
  const auto fail = [&] { throw BadImage(std::string("damaged JPEG: ") + decoder.message); };
  if (!read_header(decoder, bytes)) fail();
  jpeg_decompress_struct& info = decoder.info;
  const int turned = orientation(info);  // the markers go with the end of the decompression
  const bool inks = info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK;
  info.out_color_space = inks ? JCS_CMYK : channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  // libjpeg has no way from RGB or an unknown space with one or three channels to the other, but from grey to RGB.
  if (info.jpeg_color_space == JCS_RGB) info.out_color_space = JCS_RGB;
  if (info.jpeg_color_space == JCS_UNKNOWN) throw BadImage("a JPEG of an unknown colour space");
  const int components = inks ? 4 : info.out_color_space == JCS_GRAYSCALE ? 1 : 3;
  out.reshape(info.image_height, info.image_width, components);
  if (!read_pixels(decoder, out.pixels.data(), out.row_bytes())) fail();
  if (inks) cmyk_to_rgb(out);
  convert_channels(channels, out);
  apply_orientation(turned, out);
}

}  // namespace

Codec jpeg() {
  return {{"JPEG"},
          {"jpg", "jpeg", "jpe", "jfif"},
          [](std::span<const uint8_t> bytes) { return has_at(bytes, 0, "\xFF\xD8\xFF"); },
          decode};
}

}  // namespace selfsup::data
