// TIFF by libtiff: the first image, of samples of 1, 2, 4, 8 or 16 bits, however it is compressed.
#include <tiffio.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <memory>
#include <new>
#include <vector>

#include "data/codecs/bytes.h"
#include "data/codecs/pixels.h"
#include "data/codecs/whole.h"

namespace selfsup::data {
namespace {

constexpr std::string_view kName = "TIFF";
constexpr int kMostSamples = 32;  // of a pixel
// Parts of a real file lie one behind the other; writers that store equal tiles once do so with small ones. Every part
// is read, so what the parts have together bounds the time, not what the file has.
constexpr uint64_t kMostOverlap = 8;

struct Source {
  std::span<const uint8_t> bytes;
  uint64_t at = 0;
  char message[256] = {};  // the first error's
  bool lacks_tags = false;
};

tmsize_t on_read(thandle_t handle, void* to, tmsize_t size) {
  Source& source = *static_cast<Source*>(handle);
  const std::span<const uint8_t> here = part(source.bytes, source.at, static_cast<uint64_t>(size));
  std::copy(here.begin(), here.end(), static_cast<uint8_t*>(to));
  source.at += here.size();
  return static_cast<tmsize_t>(here.size());
}

toff_t on_seek(thandle_t handle, toff_t offset, int from) {
  Source& source = *static_cast<Source*>(handle);
  source.at = from == SEEK_SET ? offset : from == SEEK_CUR ? source.at + offset : source.bytes.size() + offset;
  return source.at;
}

tmsize_t on_write(thandle_t, void*, tmsize_t) { return 0; }
toff_t on_size(thandle_t handle) { return static_cast<Source*>(handle)->bytes.size(); }
int on_close(thandle_t) { return 0; }

int on_error(TIFF*, void* data, const char*, const char* format, va_list arguments) {
  Source& source = *static_cast<Source*>(data);
  if (source.message[0] == 0) std::vsnprintf(source.message, sizeof(source.message), format, arguments);
  return 1;
}

// A tag whose value lies behind the end of the file is left out, and then others are taken to mean something else.
int on_warning(TIFF*, void* data, const char*, const char* format, va_list arguments) {
  char text[256];
  std::vsnprintf(text, sizeof(text), format, arguments);
  Source& source = *static_cast<Source*>(data);
  source.lacks_tags = source.lacks_tags || std::string_view(text).find("IO error") != std::string_view::npos;
  return 1;
}

using File = std::unique_ptr<TIFF, void (*)(TIFF*)>;

File open_file(Source& source, int64_t max_bytes) {
  const std::unique_ptr<TIFFOpenOptions, void (*)(TIFFOpenOptions*)> options(TIFFOpenOptionsAlloc(),
                                                                             TIFFOpenOptionsFree);
  if (!options) throw std::bad_alloc();
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), max_bytes);
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), on_error, &source);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), on_warning, &source);
  return {TIFFClientOpenExt("", "rm", &source, on_read, on_write, on_seek, on_close, on_size, nullptr, nullptr,
                            options.get()),
          TIFFClose};
}

class Tiff : public Whole {
 public:
  Tiff(std::span<const uint8_t> bytes, const Decoding& how)
      : Whole(how), source_{bytes}, file_(open_file(source_, most_at_once())) {
    if (!file_) fail();
    if (source_.lacks_tags) refuse_cut(kName, false);
    set_size(tag<uint32_t>(TIFFTAG_IMAGELENGTH), tag<uint32_t>(TIFFTAG_IMAGEWIDTH),
             std::clamp<int>(tag<uint16_t>(TIFFTAG_ORIENTATION), 1, 8));
    bits_ = tag<uint16_t>(TIFFTAG_BITSPERSAMPLE);
    samples_ = tag<uint16_t>(TIFFTAG_SAMPLESPERPIXEL);
    colours_ = tag<uint16_t>(TIFFTAG_PHOTOMETRIC);
    planes_ = tag<uint16_t>(TIFFTAG_PLANARCONFIG) == PLANARCONFIG_SEPARATE ? samples_ : 1;
    compression_ = tag<uint16_t>(TIFFTAG_COMPRESSION);
    judge_layout();
    judge_strips();
  }

 private:
  // Bytes that are unpacked together: a tile, or what libtiff takes for itself.
  int64_t most_at_once() const { return std::max<int64_t>(how_.max_pixels * 4, 64 << 20); }

  template <class T>
  T tag(uint32_t name) const {
    T value{};
    TIFFGetFieldDefaulted(file_.get(), name, &value);
    return value;
  }

  // How many of a pixel's samples make its colour.
  int wanted() const {
    uint16_t count = 0, *kinds = nullptr;
    switch (colours_) {
      case PHOTOMETRIC_MINISWHITE:
      case PHOTOMETRIC_MINISBLACK:
      case PHOTOMETRIC_PALETTE:
        return 1;
      case PHOTOMETRIC_SEPARATED:
        return 4;
      case PHOTOMETRIC_RGB:
        TIFFGetFieldDefaulted(file_.get(), TIFFTAG_EXTRASAMPLES, &count, &kinds);
        return count > 0 && kinds[0] == EXTRASAMPLE_ASSOCALPHA ? 4 : 3;
      case PHOTOMETRIC_YCBCR:
        return compression_ == COMPRESSION_JPEG && planes_ == 1 ? 3 : 0;
    }
    return 0;
  }

  void judge_layout() {
    constexpr std::array<int, 5> kBits = {1, 2, 4, 8, 16};
    const int format = tag<uint16_t>(TIFFTAG_SAMPLEFORMAT);
    wanted_ = wanted();
    if (std::ranges::find(kBits, bits_) == kBits.end() || wanted_ == 0 || samples_ < wanted_ ||
        samples_ > kMostSamples || (format != SAMPLEFORMAT_UINT && format != SAMPLEFORMAT_VOID) ||
        (colours_ == PHOTOMETRIC_PALETTE && bits_ > 8))
      throw BadImage(
          fmt::format("a TIFF of {} samples of {} bits, photometric interpretation {}, sample format {} and "
                      "compression {}, which is not read",
                      samples_, bits_, colours_, format, compression_));
    if (TIFFIsCODECConfigured(compression_) == 0 || compression_ == COMPRESSION_OJPEG)
      throw BadImage(fmt::format("a TIFF of compression {}, which is not read", compression_));
    if (colours_ == PHOTOMETRIC_YCBCR) TIFFSetField(file_.get(), TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
  }

  // Every strip or tile lies in the file, and together they can hold the pixels.
  void judge_strips() {
    const bool tiled = TIFFIsTiled(file_.get()) != 0;
    if (tiled) check_image_size(tag<uint32_t>(TIFFTAG_TILELENGTH), tag<uint32_t>(TIFFTAG_TILEWIDTH), how_.max_pixels);
    const uint64_t each = tiled ? TIFFTileSize64(file_.get()) : TIFFScanlineSize64(file_.get());
    if (each > static_cast<uint64_t>(most_at_once()))
      refuse_damaged(kName, fmt::format("its tiles take {} MiB each, and {} are allowed (4 bytes for each of "
                                        "max_image_pixels)",
                                        each >> 20, most_at_once() >> 20));
    const uint32_t count = tiled ? TIFFNumberOfTiles(file_.get()) : TIFFNumberOfStrips(file_.get());
    if (count > source_.bytes.size()) refuse_claim(kName, height_, width_, source_.bytes.size());
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < count; ++i) {
      const uint64_t at = TIFFGetStrileOffset(file_.get(), i), size = TIFFGetStrileByteCount(file_.get(), i);
      if (at > source_.bytes.size() || size > source_.bytes.size() - at) cut_ = true;
      bytes += std::min<uint64_t>(size, source_.bytes.size());
    }
    const bool plain = compression_ == COMPRESSION_NONE;
    if (cut_ && !(plain && how_.keep_truncated)) refuse_cut(kName, plain);
    if (bytes > kMostOverlap * source_.bytes.size())
      refuse_damaged(kName, fmt::format("its {} parts lie over one another: together they have {} bytes, the file {}",
                                        count, bytes, source_.bytes.size()));
    const uint64_t most = most_packed(),
                   parts = tiled ? count : static_cast<uint64_t>(height_) * static_cast<uint64_t>(planes_);
    if (!cut_ && most > 0 && each * parts / most > bytes) refuse_claim(kName, height_, width_, bytes);
  }

  // Times that a compression makes data shorter at most; 0: nothing near enough bounds it. JPEG: a bit a block at
  // least, of 16 blocks of brightness or more to two of colour. LZMA: about 7,000. ZSTD: 128 KiB of one byte take four.
  uint64_t most_packed() const {
    switch (compression_) {
      case COMPRESSION_NONE:
        return 1;
      case COMPRESSION_PACKBITS:
        return 64;
      case COMPRESSION_DEFLATE:
      case COMPRESSION_ADOBE_DEFLATE:
        return 1032;
      case COMPRESSION_LZW:
        return 4096;
      case COMPRESSION_JPEG:
        return 2048;
      case COMPRESSION_LZMA:
        return 16384;
      case COMPRESSION_ZSTD:
        return 32768;
    }
    return 0;
  }

  void read(Image& out) override {
    out.reshape(height_, width_, wanted_);
    const bool inverted = colours_ == PHOTOMETRIC_MINISWHITE;
    if (cut_) std::fill(out.pixels.begin(), out.pixels.end(), static_cast<uint8_t>(inverted ? 255 : 0));
    for (int plane = 0; plane < std::min(planes_, wanted_); ++plane)
      if (TIFFIsTiled(file_.get()) != 0)
        read_tiles(out, plane);
      else
        read_rows(out, plane);
    to_colours(out);
  }

  void read_rows(Image& out, int plane) {
    std::vector<uint8_t> line(TIFFScanlineSize64(file_.get()));
    for (int y = 0; y < height_; ++y) {
      const bool there = cut_ ? copy_row(line, y, plane)
                              : TIFFReadScanline(file_.get(), line.data(), static_cast<uint32_t>(y),
                                                 static_cast<uint16_t>(plane)) == 1;
      if (there) place(line.data(), out, y, 0, width_, plane);
      if (!there && !cut_) fail();
    }
  }

  // Of an uncompressed file that was cut: libtiff reads a strip whole or not at all.
  bool copy_row(std::vector<uint8_t>& line, int y, int plane) const {
    const uint32_t row = static_cast<uint32_t>(y),
                   strip = TIFFComputeStrip(file_.get(), row, static_cast<uint16_t>(plane));
    const uint64_t begin =
        TIFFGetStrileOffset(file_.get(), strip) + row % tag<uint32_t>(TIFFTAG_ROWSPERSTRIP) * line.size();
    const std::span<const uint8_t> here = part(source_.bytes, begin, line.size());
    if (here.size() < line.size()) return false;
    std::copy(here.begin(), here.end(), line.begin());
    if (tag<uint16_t>(TIFFTAG_FILLORDER) == FILLORDER_LSB2MSB)
      TIFFReverseBits(line.data(), static_cast<tmsize_t>(line.size()));
    if (bits_ == 16 && TIFFIsByteSwapped(file_.get()) != 0)
      TIFFSwabArrayOfShort(reinterpret_cast<uint16_t*>(line.data()), static_cast<tmsize_t>(line.size() / 2));
    return true;
  }

  void read_tiles(Image& out, int plane) {
    const int high = static_cast<int>(tag<uint32_t>(TIFFTAG_TILELENGTH)),
              wide = static_cast<int>(tag<uint32_t>(TIFFTAG_TILEWIDTH));
    const size_t row_bytes = TIFFTileRowSize64(file_.get());
    std::vector<uint8_t> tile(TIFFTileSize64(file_.get()));
    if (tile.size() < row_bytes * static_cast<size_t>(high)) refuse_damaged(kName, "tiles of an unexpected layout");
    for (int top = 0; top < height_; top += high)
      for (int left = 0; left < width_; left += wide) {
        if (TIFFReadTile(file_.get(), tile.data(), static_cast<uint32_t>(left), static_cast<uint32_t>(top), 0,
                         static_cast<uint16_t>(plane)) < 0) {
          if (cut_) continue;
          fail();
        }
        for (int y = 0; y < std::min(high, height_ - top); ++y)
          place(tile.data() + static_cast<size_t>(y) * row_bytes, out, top + y, left, std::min(wide, width_ - left),
                plane);
      }
  }

  // Some pixels of a row; of a plane one sample each.
  void place(const uint8_t* line, Image& out, int y, int left, int count, int plane) const {
    const int step = planes_ > 1 ? 1 : samples_, take = planes_ > 1 ? 1 : wanted_;
    uint8_t* to = out.row(y) + left * wanted_ + plane;
    for (int x = 0; x < count; ++x, to += wanted_)
      for (int s = 0; s < take; ++s) to[s] = sample(line, static_cast<size_t>(x * step + s));
  }

  uint8_t sample(const uint8_t* line, size_t i) const {
    if (bits_ == 8) return line[i];
    if (bits_ == 16) {
      uint16_t value;
      std::memcpy(&value, line + 2 * i, sizeof(value));
      return static_cast<uint8_t>(value >> 8);
    }
    const size_t bit = i * static_cast<size_t>(bits_);
    const int most = (1 << bits_) - 1, value = line[bit / 8] >> (8 - bits_ - static_cast<int>(bit % 8)) & most;
    return static_cast<uint8_t>(colours_ == PHOTOMETRIC_PALETTE ? value : value * (255 / most));
  }

  void to_colours(Image& out) {
    if (colours_ == PHOTOMETRIC_MINISWHITE || colours_ == PHOTOMETRIC_SEPARATED)
      for (uint8_t& p : out.pixels) p = static_cast<uint8_t>(255 - p);
    if (colours_ == PHOTOMETRIC_SEPARATED) cmyk_to_rgb(out);
    if (colours_ == PHOTOMETRIC_RGB && wanted_ == 4) undo_alpha(out);
    if (colours_ != PHOTOMETRIC_PALETTE) return;
    std::array<uint16_t*, 3> maps{};
    if (TIFFGetField(file_.get(), TIFFTAG_COLORMAP, &maps[0], &maps[1], &maps[2]) != 1)
      refuse_damaged(kName, "it has no palette");
    Palette palette = grey_ramp();
    for (size_t i = 0; i < size_t{1} << bits_; ++i)
      for (size_t c = 0; c < 3; ++c) palette[i][c] = static_cast<uint8_t>(maps[c][i] >> 8);
    expand_palette(palette, how_.channels, out);
  }

  [[noreturn]] void fail() const {
    refuse_damaged(kName, source_.message[0] != 0 ? source_.message : "no reason given");
  }

  Source source_;
  File file_;
  int bits_ = 0, samples_ = 0, wanted_ = 0, planes_ = 1, colours_ = 0, compression_ = 0;
  bool cut_ = false;
};

}  // namespace

Codec tiff() {
  return {{kName},
          {"tif", "tiff"},
          [](std::span<const uint8_t> bytes) {
            using namespace std::string_view_literals;
            for (const std::string_view head : {"II*\0"sv, "MM\0*"sv, "II+\0"sv, "MM\0+"sv})
              if (has_at(bytes, 0, head)) return true;
            return false;
          },
          [](std::span<const uint8_t> bytes, const Decoding& how) -> std::unique_ptr<Undecoded> {
            return std::make_unique<Tiff>(bytes, how);
          }};
}

}  // namespace selfsup::data
