// JPEG by libjpeg-turbo. Its errors leave by longjmp, never as exceptions through C frames.
#include <csetjmp>
#include <cstddef>
#include <cstdio>
// jpeglib.h needs the two above.
#include <jerror.h>
#include <jpeglib.h>

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <string>

#include "data/codecs/bytes.h"
#include "data/codecs/orientation.h"
#include "data/codecs/pixels.h"
#include "data/codecs/whole.h"

namespace selfsup::data {
namespace {

constexpr int kMaxScans = 500;            // of a progressive image: each costs a pass over its blocks
constexpr int64_t kPassesOfLargest = 96;  // over the blocks of max_pixels of one colour: real ones have 10 to 30 in all
constexpr int64_t kCoefficientBytes = 6;  // for each of max_pixels: a progressive image is held whole

struct Decoder {
  jpeg_decompress_struct info{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  std::jmp_buf escape;
  char message[JMSG_LENGTH_MAX] = {};
  bool created = false, keeps_truncated = false, is_truncated = false;
  int scan = 0;                         // the last whose blocks are counted
  int64_t passed = 0, most_passed = 0;  // blocks, and how many are allowed

  Decoder() = default;
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
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

// The data end before the pixels do. libjpeg then puts an end there, and makes up what is missing.
bool tells_truncation(j_common_ptr info) {
  constexpr int kEnd = 0xD9;
  const int code = info->err->msg_code;
  return code == JWRN_JPEG_EOF ||
         (code == JWRN_HIT_MARKER && reinterpret_cast<j_decompress_ptr>(info)->unread_marker == kEnd);
}

// What libjpeg patches over (level -1; higher levels are traces) is damage, but for what costs no pixel.
void on_message(j_common_ptr info, int level) {
  if (level >= 0) return;
  switch (info->err->msg_code) {
    case JWRN_EXTRANEOUS_DATA:  // bytes before a marker
    case JWRN_ADOBE_XFORM:
    case JWRN_BOGUS_ICC:
    case JWRN_JFIF_MAJOR:
    case JWRN_NOT_SEQUENTIAL:
      return;
  }
  if (tells_truncation(info)) {
    Decoder& decoder = decoder_of(info);
    decoder.is_truncated = true;
    if (decoder.keeps_truncated) return;
  }
  leave(info);
}

int64_t blocks_of_scan(const jpeg_decompress_struct& info) {
  int64_t blocks = 0;
  for (int i = 0; i < info.comps_in_scan; ++i)
    blocks += int64_t{info.cur_comp_info[i]->width_in_blocks} * info.cur_comp_info[i]->height_in_blocks;
  return blocks;
}

// A scan that says nothing has few bytes, and costs as much time as one of content.
void on_progress(j_common_ptr info) {
  const jpeg_decompress_struct& decompress = *reinterpret_cast<j_decompress_ptr>(info);
  Decoder& decoder = decoder_of(info);
  if (decoder.scan == decompress.input_scan_number) return;
  decoder.scan = decompress.input_scan_number;
  decoder.passed += blocks_of_scan(decompress);
  if (decoder.scan > kMaxScans)
    std::snprintf(decoder.message, sizeof(decoder.message), "more than %d scans", kMaxScans);
  else if (decoder.passed > decoder.most_passed)
    std::snprintf(decoder.message, sizeof(decoder.message),
                  "its first %d scans go over %lld million blocks of pixels, more than are read", decoder.scan,
                  static_cast<long long>(decoder.passed / 1'000'000));
  else
    return;
  std::longjmp(decoder.escape, 1);
}

void ignore(j_common_ptr) {}

// The three that follow may longjmp; they create no object with a destructor. False: decoder.message says why.
bool read_header(Decoder& decoder, std::span<const uint8_t> bytes) {
  decoder.info.err = jpeg_std_error(&decoder.errors);
  decoder.errors.error_exit = leave;
  decoder.errors.emit_message = on_message;
  decoder.errors.output_message = ignore;
  decoder.info.client_data = &decoder;
  if (setjmp(decoder.escape)) return false;
  jpeg_create_decompress(&decoder.info);
  decoder.created = true;
  decoder.info.mem->max_memory_to_use = 0;  // no limit, whatever JPEGMEM says: check_coefficients() has its own
  decoder.progress.progress_monitor = on_progress;
  decoder.info.progress = &decoder.progress;
  jpeg_mem_src(&decoder.info, bytes.data(), bytes.size());
  jpeg_save_markers(&decoder.info, JPEG_APP0 + 1, 0xFFFF);
  jpeg_read_header(&decoder.info, TRUE);
  return true;
}

// A progressive image that lacks the last bits of coefficients is smoothed across blocks.
bool is_smoothed(const jpeg_decompress_struct& info) {
  if (info.coef_bits == nullptr) return false;
  for (int c = 0; c < info.num_components; ++c)
    for (int k = 0; k < DCTSIZE2; ++k)
      if (info.coef_bits[c][k] != 0) return true;
  return false;
}

// Makes ready to read no columns but those of the part, which it widens to what can be left out without a trace:
// whole blocks, and a column on each side, as colours at the edge of what is decoded are interpolated otherwise. Wide
// parts are interpolated as the whole image is.
bool start(Decoder& decoder, Box& part) {
  if (setjmp(decoder.escape)) return false;
  jpeg_decompress_struct& info = decoder.info;
  jpeg_start_decompress(&info);
  const int width = static_cast<int>(info.output_width);
  if (is_smoothed(info)) {
    part = {0, 0, static_cast<int>(info.output_height), width};
    return true;
  }
  constexpr int kLeast = 64;
  const int right = std::min(width, std::max(part.left + part.width + 1, kLeast));
  const int left = std::max(0, std::min(part.left - 1, right - kLeast));
  JDIMENSION from = static_cast<JDIMENSION>(left), columns = static_cast<JDIMENSION>(right - left);
  jpeg_crop_scanline(&info, &from, &columns);
  part.left = static_cast<int>(from);
  part.width = static_cast<int>(columns);
  return true;
}

// Rows of output_components bytes a column into `pixels`, which has room for them. Where the last one is among them the
// end of the file is read too.
bool read_rows(Decoder& decoder, int top, int height, uint8_t* pixels, size_t row_bytes) {
  if (setjmp(decoder.escape)) return false;
  jpeg_decompress_struct& info = decoder.info;
  const JDIMENSION first = static_cast<JDIMENSION>(top), end = first + static_cast<JDIMENSION>(height);
  if (first > 0) jpeg_skip_scanlines(&info, first);
  while (info.output_scanline < end) {
    JSAMPROW rows[4];
    const JDIMENSION count = std::min<JDIMENSION>(end - info.output_scanline, 4);
    for (JDIMENSION i = 0; i < count; ++i) rows[i] = pixels + (info.output_scanline - first + i) * row_bytes;
    jpeg_read_scanlines(&info, rows, count);
  }
  if (end == info.output_height) jpeg_finish_decompress(&info);
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

// Huffman codes have a bit at least, and the first scan has some for each of its blocks. Nothing bounds arithmetic
// coding so.
void check_plausible(const jpeg_decompress_struct& info, size_t file_bytes) {
  if (info.arith_code) return;
  if (blocks_of_scan(info) > static_cast<int64_t>(file_bytes) * 8)
    refuse_claim("JPEG", info.image_height, info.image_width, file_bytes);
}

void check_coefficients(jpeg_decompress_struct& info, int64_t max_pixels) {
  if (!jpeg_has_multiple_scans(&info)) return;
  int64_t bytes = 0;
  for (int i = 0; i < info.num_components; ++i)
    bytes += int64_t{info.comp_info[i].width_in_blocks} * info.comp_info[i].height_in_blocks *
             static_cast<int64_t>(sizeof(JBLOCK));
  if (bytes > kCoefficientBytes * max_pixels)
    throw BadImage(fmt::format(
        "a JPEG of several scans, which are held in memory at once: {} x {} pixels take {} MiB, "
        "and {} are allowed ({} bytes for each of max_image_pixels)",
        info.image_width, info.image_height, bytes >> 20, (kCoefficientBytes * max_pixels) >> 20, kCoefficientBytes));
}

class Jpeg : public Undecoded {
 public:
  Jpeg(std::span<const uint8_t> bytes, const Decoding& how) : channels_(how.channels), ended_(ends(bytes)) {
    decoder_.keeps_truncated = how.keep_truncated;
    decoder_.most_passed = kPassesOfLargest * std::max(how.max_pixels, kMaxImagePixels) / DCTSIZE2;
    if (!read_header(decoder_, bytes)) fail();
    jpeg_decompress_struct& info = decoder_.info;
    if (info.jpeg_color_space == JCS_UNKNOWN) throw BadImage("a JPEG of an unknown colour space");
    if (!how.keep_truncated) check_plausible(info, bytes.size());  // the rest may have been cut off
    orientation_ = orientation(info);
    check_image_size(info.image_height, info.image_width, how.max_pixels);
    check_coefficients(info, how.max_pixels);
    const int height = static_cast<int>(info.image_height), width = static_cast<int>(info.image_width);
    stored_ = {0, 0, height, width};
  }

  ImageShape shape() const override {
    const Box upright = turned_up(orientation_, stored_, stored_);
    return {upright.height, upright.width, channels_};
  }

  Box decode(const Box& box, Image& out) override {
    jpeg_decompress_struct& info = decoder_.info;
    const bool inks = info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK;
    info.out_color_space = inks ? JCS_CMYK : channels_ == 1 ? JCS_GRAYSCALE : JCS_RGB;
    // libjpeg has no way from RGB with three channels to grey.
    if (info.jpeg_color_space == JCS_RGB) info.out_color_space = JCS_RGB;
    Box part = turned_back(orientation_, box, stored_);
    if (!ended_) part.height = stored_.height - part.top;
    if (!start(decoder_, part)) fail_whole();
    out.reshape(part.height, part.width, inks ? 4 : info.out_color_space == JCS_GRAYSCALE ? 1 : 3);
    if (!read_rows(decoder_, part.top, part.height, out.pixels.data(), out.row_bytes())) {
      if (ended_) fail();  // rows below another part may be sound
      fail_whole();
    }
    if (inks) cmyk_to_rgb(out);
    convert_channels(channels_, out);
    apply_orientation(orientation_, out);
    return turned_up(orientation_, part, stored_);
  }

 private:
  // By its last bytes; a file that was cut is read as far as it goes, so that this is seen whatever is wanted of it.
  static bool ends(std::span<const uint8_t> bytes) {
    return bytes.size() >= 2 && has_at(bytes, bytes.size() - 2, "\xFF\xD9");
  }
  [[noreturn]] void fail() const {
    if (decoder_.errors.msg_code == JERR_OUT_OF_MEMORY) throw std::bad_alloc();
    if (decoder_.is_truncated && !decoder_.keeps_truncated) refuse_cut("JPEG", true);
    refuse_damaged("JPEG", decoder_.message);
  }

  // For what is found whatever part is wanted.
  [[noreturn]] void fail_whole() const try { fail(); } catch (const BadImage& e) {
    throw Undecodable(e.what());
  }

  const int channels_;
  const bool ended_;
  Decoder decoder_;
  int orientation_ = 1;
  Box stored_;  // all of it, as it is stored
};

}  // namespace

Codec jpeg() {
  return {{"JPEG"},
          {"jpg", "jpeg", "jpe", "jfif"},
          [](std::span<const uint8_t> bytes) { return has_at(bytes, 0, "\xFF\xD8\xFF"); },
          [](std::span<const uint8_t> bytes, const Decoding& how) -> std::unique_ptr<Undecoded> {
            return std::make_unique<Jpeg>(bytes, how);
          }};
}

}  // namespace selfsup::data
