// BMP of Windows and OS/2: 1, 4, 8, 16, 24 and 32 bits, bit fields, run lengths.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>

#include "data/codecs/bytes.h"
#include "data/codecs/pixels.h"
#include "data/codecs/whole.h"

namespace selfsup::data {
namespace {

constexpr std::string_view kName = "BMP";
enum Compression : uint32_t { kPlain = 0, kRuns8 = 1, kRuns4 = 2, kFields = 3 };

// Where one colour lies in a pixel's number.
struct Field {
  uint32_t mask = 0;

  uint8_t of(uint32_t pixel) const {
    if (mask == 0) return 0;
    const int shift = std::countr_zero(mask);
    return static_cast<uint8_t>(uint64_t{(pixel & mask) >> shift} * 255 / (mask >> shift));
  }
  bool is_gapless() const { return mask == 0 || std::has_single_bit((uint64_t{mask} >> std::countr_zero(mask)) + 1); }
};

class Bmp : public Whole {
 public:
  Bmp(std::span<const uint8_t> bytes, const Decoding& how) : Whole(how), in_(bytes), bytes_(bytes) {
    constexpr size_t kHeader = 14;
    const uint32_t header = in_.u32(kHeader);
    constexpr std::array<uint32_t, 7> kHeaders = {12, 40, 52, 56, 64, 108, 124};
    if (bytes.size() < kHeader + 12) refuse_cut(kName, false);
    if (std::ranges::find(kHeaders, header) == kHeaders.end())
      refuse_damaged(kName, fmt::format("its header has {} bytes, which none has", header));
    const bool old = header == 12;  // of OS/2 1
    const int64_t width = old ? in_.u16(18) : in_.u32(18);
    const int64_t height = old ? int64_t{in_.u16(20)} : static_cast<int32_t>(in_.u32(22));
    top_down_ = height < 0;
    bits_ = in_.u16(old ? 24 : 28);
    compression_ = old ? uint32_t{kPlain} : in_.u32(30);
    judge_layout();
    set_size(top_down_ ? -height : height, width);
    size_t after = kHeader + header;
    if (bits_ <= 8) after += read_palette(after, old ? 3 : 4, old ? 0 : in_.u32(46));
    choose_fields();
    // Some writers leave the palette out of it.
    const uint32_t offset = in_.u32(10);
    pixels_ = part(bytes, offset == 0 || (bits_ <= 8 && offset == kHeader + header) ? after : offset);
    row_bytes_ = (static_cast<uint64_t>(width) * bits_ + 7) / 8;
    stride_ = (row_bytes_ + 3) / 4 * 4;
    const uint64_t least = runs() ? 2 : stride_ * static_cast<uint64_t>(height_ - 1) + row_bytes_;
    if (least > pixels_.size() && !how.keep_truncated) refuse_cut(kName, true);
    if (runs() && !how.keep_truncated) judge_runs();
  }

 private:
  // Two bytes make 255 pixels at most. Rows may be left early, and pixels passed over; a picture of which that takes
  // nearly everything is made by no writer.
  void judge_runs() const {
    constexpr uint64_t kMostOfTwo = 255, kLeftEarly = 16;
    if (static_cast<uint64_t>(width_) * static_cast<uint64_t>(height_) > pixels_.size() * kMostOfTwo / 2 * kLeftEarly)
      refuse_claim(kName, height_, width_, pixels_.size());
  }

  bool runs() const { return compression_ == kRuns8 || compression_ == kRuns4; }

  void judge_layout() const {
    constexpr std::array<int, 6> kBits = {1, 4, 8, 16, 24, 32};
    const bool fits = std::ranges::find(kBits, bits_) != kBits.end() &&
                      (compression_ == kPlain || (compression_ == kRuns8 && bits_ == 8) ||
                       (compression_ == kRuns4 && bits_ == 4) || (compression_ == kFields && bits_ >= 16));
    if (!fits)
      throw BadImage(fmt::format("a BMP of {} bits and compression {}, which is not read", bits_, compression_));
  }

  // Returns its bytes.
  size_t read_palette(size_t at, size_t entry, uint32_t stated) {
    const size_t count = stated != 0 ? stated : size_t{1} << bits_;
    const std::span<const uint8_t> rest = part(bytes_, at);
    if (count > rest.size() / entry) refuse_cut(kName, false);
    for (size_t i = 0; i < std::min<size_t>(count, 256); ++i)
      palette_[i] = {rest[i * entry + 2], rest[i * entry + 1], rest[i * entry]};
    return count * entry;
  }

  void choose_fields() {
    constexpr size_t kFieldsAt = 54;  // behind the shortest header, or in a longer one
    fields_ = bits_ == 16 ? std::array<Field, 3>{{{0x7C00}, {0x3E0}, {0x1F}}}
                          : std::array<Field, 3>{{{0xFF0000}, {0xFF00}, {0xFF}}};
    const std::array<Field, 3> stated = {{{in_.u32(kFieldsAt)}, {in_.u32(kFieldsAt + 4)}, {in_.u32(kFieldsAt + 8)}}};
    if (compression_ != kFields || (stated[0].mask | stated[1].mask | stated[2].mask) == 0) return;
    for (const Field& field : stated)
      if (!field.is_gapless()) refuse_damaged(kName, fmt::format("a colour in the bits {:#x}", field.mask));
    fields_ = stated;
  }

  uint8_t* row(Image& out, int y) const { return out.row(top_down_ ? y : height_ - 1 - y); }

  void read(Image& out) override {
    out.reshape(height_, width_, bits_ <= 8 ? 1 : 3);
    std::fill(out.pixels.begin(), out.pixels.end(), uint8_t{0});
    if (runs()) {
      read_runs(out);
    } else {
      for (int y = 0; y < height_; ++y) {
        const std::span<const uint8_t> from = part(pixels_, static_cast<uint64_t>(y) * stride_, row_bytes_);
        if (from.size() < row_bytes_) break;
        read_row(from.data(), row(out, y));
      }
    }
    if (bits_ <= 8) expand_palette(palette_, how_.channels, out);
  }

  void read_row(const uint8_t* from, uint8_t* to) const {
    const size_t bytes = bits_ / 8;
    for (int x = 0; x < width_; ++x) {
      if (bits_ <= 8) {
        const unsigned bit = static_cast<unsigned>(x) * bits_;
        to[x] = static_cast<uint8_t>(from[bit / 8] >> (8 - bits_ - bit % 8) & ((1u << bits_) - 1));
        continue;
      }
      uint32_t pixel = 0;
      for (size_t i = bytes; i-- > 0;) pixel = pixel << 8 | from[static_cast<size_t>(x) * bytes + i];
      for (size_t c = 0; c < 3; ++c) to[3 * static_cast<size_t>(x) + c] = fields_[c].of(pixel);
    }
  }

  // Pairs of a count and what it counts; a count of 0 is a command. Pixels beyond a row are dropped.
  void read_runs(Image& out) const {
    const Numbers in(pixels_);
    const bool nibbles = compression_ == kRuns4;
    int64_t x = 0, y = 0;
    for (size_t at = 0; y < height_; at += 2) {
      const int count = in.u8(at), second = in.u8(at + 1);
      const int literal = count == 0 && second > 2 ? (nibbles ? (second + 1) / 2 : second) : 0;  // bytes
      if (at + 2 + static_cast<size_t>(literal) > pixels_.size()) {
        if (how_.keep_truncated || (y == height_ - 1 && x >= width_)) return;
        refuse_cut(kName, true);
      }
      const auto put = [&](int n, const auto& byte_of) {
        const int seen = static_cast<int>(std::clamp<int64_t>(width_ - x, 0, n));  // what lies beyond costs no time
        for (int i = 0; i < seen; ++i) {
          const int byte = byte_of(i);
          row(out, static_cast<int>(y))[x + i] = static_cast<uint8_t>(!nibbles     ? byte
                                                                      : i % 2 == 0 ? byte >> 4
                                                                                   : byte & 15);
        }
        x += n;
      };
      if (count > 0) {
        put(count, [&](int) { return second; });
      } else if (second == 0) {  // the row ends
        x = 0, ++y;
      } else if (second == 1) {  // the picture ends
        return;
      } else if (second == 2) {  // to the right, and on
        x += in.u8(at + 2), y += in.u8(at + 3);
        at += 2;
      } else {
        put(second, [&](int i) { return in.u8(at + 2 + static_cast<size_t>(nibbles ? i / 2 : i)); });
        at += static_cast<size_t>(literal + 1) / 2 * 2;
      }
    }
  }

  const Numbers in_;
  const std::span<const uint8_t> bytes_;
  std::span<const uint8_t> pixels_;
  bool top_down_ = false;
  unsigned bits_ = 0;
  uint32_t compression_ = kPlain;
  uint64_t row_bytes_ = 0, stride_ = 0;
  Palette palette_ = grey_ramp();
  std::array<Field, 3> fields_;
};

}  // namespace

Codec bmp() {
  return {{kName},
          {"bmp"},
          [](std::span<const uint8_t> bytes) { return has_at(bytes, 0, "BM"); },
          [](std::span<const uint8_t> bytes, const Decoding& how) -> std::unique_ptr<Undecoded> {
            return std::make_unique<Bmp>(bytes, how);
          }};
}

}  // namespace selfsup::data
