// PNM, binary and plain: bitmaps, grey and colour images of 8 or 16 bits (P1 to P6).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "data/codecs/bytes.h"
#include "data/codecs/whole.h"

namespace selfsup::data {
namespace {

constexpr std::string_view kName = "PNM";

bool is_blank(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// The numbers in text, one after the other; comments are passed over.
class Words {
 public:
  explicit Words(std::span<const uint8_t> bytes, size_t at = 0) : bytes_(bytes), at_(at) {}
  size_t at() const { return at_; }
  bool ended() {
    pass_blanks();
    return at_ == bytes_.size();
  }
  // digits: at most so many of them are taken.
  uint32_t number(int digits = 10) {
    if (ended()) refuse_cut(kName, false);
    uint64_t value = 0;
    int taken = 0;
    for (; taken < digits && at_ < bytes_.size() && bytes_[at_] >= '0' && bytes_[at_] <= '9'; ++taken)
      value = value * 10 + bytes_[at_++] - '0';
    if (taken == 0 || value > UINT32_MAX) refuse_damaged(kName, "a number is expected where there is none");
    return static_cast<uint32_t>(value);
  }
  void pass_one() { ++at_; }

 private:
  void pass_blanks() {
    for (; at_ < bytes_.size(); ++at_) {
      if (bytes_[at_] == '#')
        while (at_ < bytes_.size() && bytes_[at_] != '\n' && bytes_[at_] != '\r') ++at_;
      else if (!is_blank(bytes_[at_]))
        return;
      if (at_ == bytes_.size()) return;
    }
  }
  std::span<const uint8_t> bytes_;
  size_t at_;
};

class Pnm : public Whole {
 public:
  Pnm(std::span<const uint8_t> bytes, const Decoding& how) : Whole(how), plain_(bytes[1] <= '3') {
    Words words(bytes, 2);
    const int kind = (bytes[1] - '1') % 3;  // bitmap, grey, colour
    channels_ = kind == 2 ? 3 : 1;
    const int64_t width = words.number(), height = words.number();
    if (kind > 0) max_ = words.number();
    if (kind > 0 && (max_ < 1 || max_ > 65535))
      refuse_damaged(kName, fmt::format("its largest value is {}; expected 1 to 65535", max_));
    words.pass_one();
    set_size(height, width);
    pixels_ = part(bytes, words.at());
    const uint64_t samples = static_cast<uint64_t>(width * channels_);
    row_bytes_ = max_ == 0 ? (samples + 7) / 8 : samples * (max_ > 255 ? 2 : 1);
    uint64_t least = row_bytes_ * static_cast<uint64_t>(height);
    if (plain_) least = samples * static_cast<uint64_t>(height) * (max_ == 0 ? 1 : 2) - (max_ == 0 ? 0 : 1);
    if (least > pixels_.size() && !how.keep_truncated) refuse_cut(kName, true);
  }

 private:
  void read(Image& out) override {
    out.reshape(height_, width_, channels_);
    std::fill(out.pixels.begin(), out.pixels.end(), uint8_t{0});
    if (plain_) return read_words(out);
    for (int y = 0; y < height_; ++y) {
      const std::span<const uint8_t> row = part(pixels_, static_cast<uint64_t>(y) * row_bytes_, row_bytes_);
      if (row.size() == row_bytes_) read_row(row, out.row(y), out.row_bytes());
    }
  }

  void read_row(std::span<const uint8_t> row, uint8_t* to, size_t samples) const {
    if (max_ == 255) {
      std::copy(row.begin(), row.end(), to);
    } else if (max_ == 0) {
      for (size_t i = 0; i < samples; ++i) to[i] = (row[i / 8] >> (7 - i % 8) & 1) != 0 ? 0 : 255;
    } else {
      const Numbers numbers(row, false);
      for (size_t i = 0; i < samples; ++i) to[i] = scaled(max_ > 255 ? numbers.u16(2 * i) : row[i]);
    }
  }

  void read_words(Image& out) const {
    Words words(pixels_);
    for (uint8_t& p : out.pixels) {
      if (words.ended() && how_.keep_truncated) return;
      const uint32_t value = words.number(max_ == 0 ? 1 : 10);
      if (value > std::max(max_, 1u)) refuse_damaged(kName, fmt::format("a value is {}, above its largest", value));
      p = max_ == 0 ? static_cast<uint8_t>(value == 0 ? 255 : 0) : scaled(value);
    }
  }

  uint8_t scaled(uint32_t value) const {
    return static_cast<uint8_t>(std::min(255.0, std::nearbyint(static_cast<double>(value) / max_ * 255)));
  }

  const bool plain_;
  int channels_ = 1;
  uint32_t max_ = 0;  // of a bitmap: 0
  std::span<const uint8_t> pixels_;
  uint64_t row_bytes_ = 0;
};

}  // namespace

Codec pnm() {
  return {{kName},
          {"ppm", "pgm", "pbm", "pnm"},
          [](std::span<const uint8_t> bytes) {
            return bytes.size() > 2 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '6' &&
                   (is_blank(bytes[2]) || bytes[2] == '#');
          },
          [](std::span<const uint8_t> bytes, const Decoding& how) -> std::unique_ptr<Undecoded> {
            return std::make_unique<Pnm>(bytes, how);
          }};
}

}  // namespace selfsup::data
