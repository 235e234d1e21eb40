// PNG by libpng. Its errors leave by longjmp, never as exceptions through C frames.
#include <png.h>
#include <zlib.h>

#include <fmt/format.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "data/codecs/bytes.h"
#include "data/codecs/orientation.h"
#include "data/codecs/pixels.h"
#include "data/codecs/whole.h"

namespace selfsup::data {
namespace {

struct Decoder {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::span<const uint8_t> rest;
  std::jmp_buf escape;
  char message[256] = {};
  bool wrong_crc = false, wrong_adler = false;  // of the pixels
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

void on_warning(png_structp png, png_const_charp text) {
  Decoder& decoder = *static_cast<Decoder*>(png_get_error_ptr(png));
  if (std::strstr(text, "CRC error") != nullptr) decoder.wrong_crc = true;
  if (std::strstr(text, "incorrect data check") != nullptr) decoder.wrong_adler = true;
}

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
  // The pixels have a checksum within these. One wrong sum of two costs no pixel.
  png_set_crc_action(decoder.png, PNG_CRC_WARN_USE, PNG_CRC_NO_CHANGE);
  decoder.wrong_crc = false;
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
  size_t whole = 0;               // bytes of the file up to the first chunk that is not there whole
  bool cut = false;
};

constexpr size_t kSignature = 8, kName = 4, kData = 8, kAround = 12;  // length and name before a chunk, sum behind it

uint32_t number(const uint8_t* p) { return uint32_t{p[0]} << 24 | uint32_t{p[1]} << 16 | uint32_t{p[2]} << 8 | p[3]; }

uint32_t sum_of(std::span<const uint8_t> chunk) {
  return static_cast<uint32_t>(crc32(0, chunk.data() + kName, static_cast<uInt>(chunk.size() - kName)));
}

// libpng takes the memory that a chunk's length asks for before it reads. keep: of a file that was cut, what is there,
// if any of it is pixels.
Chunks survey(std::span<const uint8_t> bytes, bool keep) {
  Chunks found;
  size_t& at = found.whole = kSignature;
  for (bool last = false; !last;) {
    const std::span<const uint8_t> chunk = part(bytes, at);
    const uint64_t length = chunk.size() >= kName ? number(chunk.data()) : 0;
    const bool pixels = has_at(chunk, kName, "IDAT");
    if (kAround + length > chunk.size()) {
      found.cut = true;
      if (pixels && chunk.size() > kData) found.pixel_bytes += std::min<uint64_t>(length, chunk.size() - kData);
      if (keep && found.pixel_bytes > 0) return found;
      if (length <= chunk.size()) refuse_cut("PNG", found.pixel_bytes > 0);
      refuse_damaged("PNG", fmt::format("a chunk claims {} bytes, where {} are left of the file{}", length,
                                        chunk.size(), found.pixel_bytes > 0 ? kHowToKeep : ""));
    }
    if (pixels) found.pixel_bytes += length;
    if (has_at(chunk, kName, "eXIf") && sum_of(chunk.first(kData + length)) == number(chunk.data() + kData + length))
      found.exif = chunk.subspan(kData, length);
    last = has_at(chunk, kName, "IEND");
    at += kAround + length;
  }
  return found;
}

// A file that was cut, with its last chunk and itself brought to an end.
std::vector<uint8_t> mended(std::span<const uint8_t> bytes, const Chunks& chunks) {
  std::vector<uint8_t> whole(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(chunks.whole));
  const auto put = [&](uint32_t n) {
    for (const int shift : {24, 16, 8, 0}) whole.push_back(static_cast<uint8_t>(n >> shift));
  };
  const auto chunk = [&](std::string_view name, std::span<const uint8_t> data) {
    const size_t start = whole.size();
    put(static_cast<uint32_t>(data.size()));
    whole.insert(whole.end(), name.begin(), name.end());
    whole.insert(whole.end(), data.begin(), data.end());
    put(sum_of(std::span(whole).subspan(start)));
  };
  const std::span<const uint8_t> rest = part(bytes, chunks.whole);
  if (has_at(rest, kName, "IDAT")) chunk("IDAT", part(rest, kData, number(rest.data())));
  chunk("IEND", {});
  return whole;
}

class Png : public Whole {
 public:
  Png(std::span<const uint8_t> bytes, const Decoding& how) : Whole(how) {
    const Chunks chunks = survey(bytes, how.keep_truncated);
    if ((cut_ = chunks.cut)) mended_ = mended(bytes, chunks);
    decoder_.rest = cut_ ? mended_ : bytes;
    if (!read_header(decoder_)) refuse_damaged("PNG", decoder_.message);
    const uint32_t width = png_get_image_width(decoder_.png, decoder_.info);
    const uint32_t height = png_get_image_height(decoder_.png, decoder_.info);
    set_size(height, width, exif_orientation(chunks.exif));
    constexpr uint64_t kMostPacked = 1032;  // times, by deflate
    const uint64_t unpacked = uint64_t{height} * png_get_rowbytes(decoder_.png, decoder_.info);
    if (unpacked > kMostPacked * chunks.pixel_bytes && !cut_) refuse_claim("PNG", height, width, chunks.pixel_bytes);
  }

 private:
  void read(Image& out) override {
    uint8_t first[3] = {};
    png_colorp colours = nullptr;
    int components = 0;
    if (png_get_color_type(decoder_.png, decoder_.info) == PNG_COLOR_TYPE_PALETTE &&
        png_get_PLTE(decoder_.png, decoder_.info, &colours, &components) != 0 && components > 0)
      first[0] = colours->red, first[1] = colours->green, first[2] = colours->blue;
    if (!set_conversions(decoder_, components)) refuse_damaged("PNG", decoder_.message);
    out.reshape(height_, width_, components);
    if (png_get_rowbytes(decoder_.png, decoder_.info) != out.row_bytes())
      throw BadImage("a PNG of an unexpected layout");
    // What stays where pixels are missing: black, or the first colour of the palette.
    if (cut_)
      for (size_t i = 0; i < out.pixels.size(); ++i) out.pixels[i] = first[i % 3];
    decoder_.rows.resize(static_cast<size_t>(height_));
    for (int y = 0; y < height_; ++y) decoder_.rows[static_cast<size_t>(y)] = out.row(y);
    const bool done = read_pixels(decoder_);
    if (!done && !(cut_ && decoder_.message == std::string_view("Not enough image data")))
      refuse_damaged("PNG", decoder_.message);
    if (decoder_.wrong_crc && decoder_.wrong_adler) refuse_damaged("PNG", "the checksums of its pixels are wrong");
  }

  std::vector<uint8_t> mended_;  // of a file that was cut
  bool cut_ = false;
  Decoder decoder_;
};

}  // namespace

Codec png() {
  return {{"PNG"},
          {"png"},
          [](std::span<const uint8_t> bytes) { return has_at(bytes, 0, "\x89PNG\r\n\x1A\n"); },
          [](std::span<const uint8_t> bytes, const Decoding& how) -> std::unique_ptr<Undecoded> {
            return std::make_unique<Png>(bytes, how);
          }};
}

}  // namespace selfsup::data
