#include "data/codecs/codec.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstring>
#include <utility>

namespace selfsup::data {

bool has_at(std::span<const uint8_t> bytes, size_t at, std::string_view magic) {
  return bytes.size() >= at + magic.size() && std::memcmp(bytes.data() + at, magic.data(), magic.size()) == 0;
}

namespace {

std::string_view other_format(std::span<const uint8_t> bytes) {
  using namespace std::string_view_literals;
  if (has_at(bytes, 0, "GIF8")) return "GIF";
  if (has_at(bytes, 0, "RIFF") && has_at(bytes, 8, "WEBP")) return "WebP";
  if (has_at(bytes, 0, "II*\0"sv) || has_at(bytes, 0, "MM\0*"sv)) return "TIFF";
  if (has_at(bytes, 4, "ftypavif")) return "AVIF";
  if (has_at(bytes, 4, "ftyphei")) return "HEIC";
  if (has_at(bytes, 0, "BM")) return "BMP";
  if (bytes.size() > 2 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '7' &&
      (bytes[2] == '\n' || bytes[2] == ' '))
    return "PNM";
  return {};
}

class TiffReader {
 public:
  explicit TiffReader(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  void set_little(bool little) { little_ = little; }
  // 0 past the end
  uint32_t u16(size_t at) const {
    if (at + 2 < at || at + 2 > bytes_.size()) return 0;
    return little_ ? bytes_[at] | bytes_[at + 1] << 8 : bytes_[at] << 8 | bytes_[at + 1];
  }
  uint32_t u32(size_t at) const {
    const uint32_t a = u16(at), b = u16(at + 2);
    return little_ ? a | b << 16 : a << 16 | b;
  }

 private:
  std::span<const uint8_t> bytes_;
  bool little_ = true;
};

}  // namespace

std::unique_ptr<Undecoded> open_image(std::span<const uint8_t> bytes, int channels) {
  if (bytes.empty()) throw BadImage("an empty file");
  for (const Codec& codec : codecs())
    if (codec.begins(bytes)) return codec.open(bytes, channels);
  const std::vector<std::string> known = codecs().names();
  if (const std::string_view format = other_format(bytes); !format.empty())
    throw BadImage(fmt::format("{} is not supported; {} are", format, fmt::join(known, " and ")));
  throw BadImage(fmt::format("not an image (by its first bytes none of {})", fmt::join(known, ", ")));
}

void decode_image(std::span<const uint8_t> bytes, int channels, Image& out) {
  const std::unique_ptr<Undecoded> picture = open_image(bytes, channels);
  const ImageShape shape = picture->shape();
  picture->decode({0, 0, shape.height, shape.width}, out);
}

int exif_orientation(std::span<const uint8_t> tiff) {
  TiffReader reader(tiff);
  const bool little = has_at(tiff, 0, "II");
  if (!little && !has_at(tiff, 0, "MM")) return 1;
  reader.set_little(little);
  if (reader.u16(2) != 42) return 1;
  const size_t directory = reader.u32(4);
  const uint32_t entries = reader.u16(directory);
  for (uint32_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + size_t{12} * i;
    if (entry + 12 > tiff.size()) return 1;
    if (reader.u16(entry) != 0x0112) continue;
    const uint32_t value = reader.u16(entry + 8);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

namespace {

bool swaps_sides(int orientation) { return orientation >= 5; }  // rows become columns
bool from_right(int orientation) {
  return orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
}
bool from_bottom(int orientation) {
  return orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
}

Box with_sides_swapped(const Box& box) { return {box.left, box.top, box.width, box.height}; }

// Within the image as it is stored; undone by the same.
Box mirrored(int orientation, Box box, const Box& stored) {
  if (from_bottom(orientation)) box.top = stored.height - box.top - box.height;
  if (from_right(orientation)) box.left = stored.width - box.left - box.width;
  return box;
}

}  // namespace

Box turned_up(int orientation, Box box, const Box& stored) {
  box = mirrored(orientation, box, stored);
  return swaps_sides(orientation) ? with_sides_swapped(box) : box;
}

Box turned_back(int orientation, Box box, const Box& stored) {
  return mirrored(orientation, swaps_sides(orientation) ? with_sides_swapped(box) : box, stored);
}

void apply_orientation(int orientation, Image& image) {
  if (orientation <= 1) return;
  const bool swaps = swaps_sides(orientation), right = from_right(orientation), bottom = from_bottom(orientation);
  thread_local Image upright;
  upright.reshape(swaps ? image.width : image.height, swaps ? image.height : image.width, image.channels);
  const size_t channels = static_cast<size_t>(image.channels);
  for (int y = 0; y < upright.height; ++y) {
    uint8_t* target = upright.row(y);
    for (int x = 0; x < upright.width; ++x, target += channels) {
      const int row = swaps ? x : y, column = swaps ? y : x;
      const uint8_t* source = image.row(bottom ? image.height - 1 - row : row) +
                              static_cast<size_t>(right ? image.width - 1 - column : column) * channels;
      for (size_t c = 0; c < channels; ++c) target[c] = source[c];
    }
  }
  std::swap(image, upright);
}

void convert_channels(int channels, Image& image) {
  if (image.channels == channels) return;
  const size_t count = static_cast<size_t>(image.height) * static_cast<size_t>(image.width);
  std::vector<uint8_t>& p = image.pixels;
  if (channels == 1) {
    for (size_t i = 0; i < count; ++i)
      p[i] = static_cast<uint8_t>((19595u * p[3 * i] + 38470u * p[3 * i + 1] + 7471u * p[3 * i + 2] + 32768u) >> 16);
    p.resize(count);
  } else {
    p.resize(count * 3);
    for (size_t i = count; i-- > 0;) p[3 * i] = p[3 * i + 1] = p[3 * i + 2] = p[i];
  }
  image.channels = channels;
}

}  // namespace selfsup::data
