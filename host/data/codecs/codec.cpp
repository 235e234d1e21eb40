#include "data/codecs/codec.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "data/codecs/bytes.h"

namespace selfsup::data {
namespace {

using namespace std::string_view_literals;

// Formats that images come in and nothing here reads.
struct OtherFormat {
  std::string_view name, begins;
  size_t at = 0;
};
constexpr OtherFormat kOthers[] = {
    {"HEIC", "ftyphei", 4},
    {"HEIC", "ftyphev", 4},
    {"HEIC", "ftypmif1", 4},
    {"HEIC", "ftypmsf1", 4},
    {"JPEG XL", "\xFF\x0A"},
    {"JPEG XL", "JXL \r\n\x87\n", 4},
    {"JPEG 2000", "jP  \r\n", 4},
    {"JPEG 2000", "\xFF\x4F\xFF\x51"},
    {"a Photoshop document", "8BPS"},
    {"OpenEXR", "v/1\x01"},
    {"Radiance HDR", "#?RADIANCE"},
    {"DirectDraw surface", "DDS "},
    {"ICO", "\0\0\1\0"sv},
    {"PDF", "%PDF"},
    {"SVG", "<svg"},
    {"an HTML page", "<!DOCTYPE"},
    {"an HTML page", "<!doctype"},
    {"an HTML page", "<html"},
    {"XML", "<?xml"},
};

const Codec* codec_of(std::span<const uint8_t> bytes) {
  for (const Codec& codec : codecs())
    if (codec.begins(bytes)) return &codec;
  return nullptr;
}

}  // namespace

std::string refusal_of_beginning(std::span<const uint8_t> bytes) {
  if (bytes.empty()) return "an empty file";
  if (codec_of(bytes)) return "";
  const std::vector<std::string> known = codecs().names();
  for (const OtherFormat& other : kOthers)
    if (has_at(bytes, other.at, other.begins))
      return fmt::format("{} is not supported; {} are", other.name, fmt::join(known, ", "));
  return fmt::format("not an image (by its first bytes none of {})", fmt::join(known, ", "));
}

std::unique_ptr<Undecoded> open_image(std::span<const uint8_t> bytes, const Decoding& how) {
  if (const Codec* codec = codec_of(bytes)) return codec->open(bytes, how);
  throw BadImage(refusal_of_beginning(bytes));
}

void decode_image(std::span<const uint8_t> bytes, const Decoding& how, Image& out) {
  const std::unique_ptr<Undecoded> picture = open_image(bytes, how);
  const ImageShape shape = picture->shape();
  picture->decode({0, 0, shape.height, shape.width}, out);
}

}  // namespace selfsup::data
