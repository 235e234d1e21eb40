// Odd and damaged files of every format: what is tolerated, what is refused, and in how much memory.
#include <sys/resource.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <map>

#include "base/random.h"
#include "data/codecs/codec.h"
#include "data/support/support.h"

namespace selfsup::data {
namespace {

using Catch::Matchers::Contains;
using namespace test;

Bytes with_at(Bytes bytes, size_t at, const Bytes& put) {
  REQUIRE(at + put.size() <= bytes.size());
  std::copy(put.begin(), put.end(), bytes.begin() + static_cast<ptrdiff_t>(at));
  return bytes;
}

Bytes text(const std::string& s) { return {s.begin(), s.end()}; }

size_t find(const Bytes& bytes, const Bytes& what) {
  const auto at = std::search(bytes.begin(), bytes.end(), what.begin(), what.end());
  REQUIRE(at != bytes.end());
  return static_cast<size_t>(at - bytes.begin());
}

// Little, and claims much.
std::map<std::string, Bytes> claims() {
  std::map<std::string, Bytes> samples = sample_images(), out;
  out["24.bmp"] = with_at(samples["24.bmp"], 18, {0x40, 0x1F, 0, 0, 0x40, 0x1F, 0, 0});
  out["runs8.bmp, palette"] = with_at(samples["runs8.bmp"], 46, {0, 0, 0, 0x40});
  out["p6.ppm"] = text("P6 8000 8000 255\n...");
  out["p3.ppm"] = text("P3 8000 8000 255\n1 2 3");
  out["p1.pbm"] = text("P1 8000 8000\n0110");
  Bytes gif = samples["plain.gif"];
  const size_t frame = find(gif, {',', 0, 0, 0, 0, 29, 0, 18, 0});
  out["gif"] = with_at(gif, frame + 5, {0x40, 0x1F, 0x40, 0x1F});
  Bytes webp = samples["lossy.webp"];
  out["webp"] = with_at(webp, find(webp, {0x9D, 0x01, 0x2A}) + 3, {0x40, 0x1F, 0x40, 0x1F});
  for (const char* name : {"rgb_raw.tif", "rgb_tiff_adobe_deflate.tif", "rgb_tiff_lzw.tif", "rgb_packbits.tif"}) {
    Bytes tiff = samples[name];
    // Width and height, each an entry of one number.
    for (const uint8_t tag : {uint8_t{0}, uint8_t{1}}) {
      const Bytes small = {tag, 1, 3, 0, 1, 0, 0, 0}, large = {tag, 1, 4, 0, 1, 0, 0, 0};
      const size_t at = find(tiff, std::string(name) == "rgb_raw.tif" ? large : small);
      tiff = with_at(tiff, at + 8, {0x40, 0x1F});
    }
    out[name] = tiff;
  }
  return out;
}

}  // namespace

TEST_CASE("what libjpeg warns of and what costs no pixel is tolerated") {
  std::map<std::string, Bytes> samples = sample_images();
  for (const char* name :
       {"odd/webcam_frame.jpg", "odd/padding_between_segments.jpg", "odd/200_bytes_before_EOI.jpg"}) {
    INFO(name);
    CHECK(reason(samples[name]).empty());
  }
  // An Adobe marker that nobody knows, JFIF of the future.
  Bytes inks = jpeg(gradient(16, 16, 4), {.colour = JpegColour::cmyk});
  CHECK(reason(with_at(inks, find(inks, text("Adobe")) + 11, {9})).empty());
  Bytes photo = jpeg(gradient(16, 16, 3));
  CHECK(reason(with_at(photo, find(photo, {'J', 'F', 'I', 'F', 0}) + 5, {7})).empty());
  // Damage is none of that.
  Bytes restarts = jpeg(gradient(64, 64, 3), {.restart = 4});
  CHECK_THAT(reason(with_at(restarts, find(restarts, {0xFF, 0xD1}) + 1, {0xD5})), Contains("damaged JPEG"));
}

TEST_CASE("a checksum of a PNG's pixels that alone is wrong costs no pixel") {
  const Bytes good = png(gradient(16, 16, 3));
  const size_t end = find(good, text("IEND")) - 4;
  Bytes crc = good, both = good;
  crc[end - 1] ^= 1;
  both[end - 1] ^= 1, both[end - 5] ^= 1;
  CHECK(reason(crc).empty());
  CHECK_THAT(reason(both), Contains("incorrect data check"));
  Bytes header = good;
  header[29] ^= 1;
  CHECK_THAT(reason(header), Contains("damaged PNG"));
}

TEST_CASE("a JPEG of several scans may take memory as its pixels may be many") {
  const Bytes colour = jpeg(gradient(64, 64, 3), {.progressive = true});
  CHECK(reason(colour, {.max_pixels = 4096}).empty());
  const Bytes inks = jpeg(gradient(64, 64, 4), {.colour = JpegColour::cmyk, .progressive = true});
  CHECK_THAT(reason(inks, {.max_pixels = 4096}), Contains("held in memory at once") && Contains("max_image_pixels"));
  CHECK(reason(inks, {.max_pixels = 6000}).empty());
  CHECK(reason(jpeg(gradient(64, 64, 4), {.colour = JpegColour::cmyk}), {.max_pixels = 4096}).empty());
}

TEST_CASE("max_pixels is the limit of every format, and can be raised") {
  for (const auto& [name, bytes] : sample_images()) {
    if (name.find("cut") != std::string::npos) continue;
    INFO(name);
    const ImageShape shape = open_image(bytes, {})->shape();
    const int64_t pixels = int64_t{shape.height} * shape.width;
    CHECK(reason(bytes, {.max_pixels = pixels}).empty());
    CHECK_FALSE(reason(bytes, {.max_pixels = pixels - 1}).empty());
  }
  Bytes whole = text("P4 8001 8000\n");
  whole.resize(whole.size() + 1001 * 8000);
  CHECK_THAT(reason(whole), Contains("8001 x 8000 pixels; an image may have 64000000 (max_image_pixels)"));
  CHECK(reason(whole, {.channels = 1, .max_pixels = 70'000'000}).empty());
}

TEST_CASE("small files of every format that claim much are refused in little memory") {
  for (const auto& [name, bytes] : claims()) {
    INFO(name);
    const std::string text = reason(bytes);
    INFO(text);
    CHECK((text.find("cannot hold") != std::string::npos || text.find("the data end too early") != std::string::npos));
    CHECK(in_child([&] {
            const rlimit limit{64u << 20, 64u << 20};
            setrlimit(RLIMIT_DATA, &limit);
            return reason(bytes).empty() ? 1 : 0;
          }) == 0);
  }
}

TEST_CASE("files that were cut anywhere are refused, or lack no pixel, and may be kept") {
  for (const auto& [name, bytes] : sample_images()) {
    if (name.find("cut") != std::string::npos) continue;
    INFO(name);
    Image whole, got;
    decode_image(bytes, {}, whole);
    // The last number of a text may have been longer: who ends his text without a blank is not to be refused for that.
    const size_t told = name == "p2.pgm" || name == "p3.ppm" ? bytes.size() - 3 : bytes.size();
    for (size_t size = 0; size < told; ++size) {
      const Bytes cut(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size));
      if (size % (1 + bytes.size() / 40) == 0) reason(cut, {.keep_truncated = true});
      try {
        decode_image(cut, {}, got);
      } catch (const BadImage&) {
        continue;
      }
      INFO(size << " of " << bytes.size() << " bytes");
      CHECK((got.height == whole.height && got.width == whole.width && got.pixels == whole.pixels));
    }
  }
}

TEST_CASE("bytes of every format that were changed are refused or decoded, in bounds of time and memory") {
  const std::map<std::string, Bytes> samples = sample_images();
  const auto tried = [&](int rounds) {
    KeyedRandom random(11);
    int decoded = 0, refused = 0;
    for (int round = 0; round < rounds; ++round)
      for (const auto& [name, sample] : samples) {
        Bytes bytes = sample;
        for (uint64_t n = 1 + random.below(6); n-- > 0;)
          bytes[random.below(random.below(2) ? bytes.size() : std::min<size_t>(bytes.size(), 64))] =
              static_cast<uint8_t>(random.below(2) ? random.below(256) : 255 * random.below(2));
        if (random.below(5) == 0) bytes.resize(1 + random.below(bytes.size()));
        const Decoding how{.channels = random.below(2) ? 3 : 1, .keep_truncated = random.below(2) == 0};
        ++(reason(bytes, how).empty() ? decoded : refused);
      }
    return decoded > 100 && refused > 100 ? 0 : 1;
  };
  // For a long run, with SELFSUP_SANITIZE=address say.
  if (const char* rounds = std::getenv("SELFSUP_FUZZ_ROUNDS")) {
    CHECK(tried(std::atoi(rounds)) == 0);
    return;
  }
  CHECK(in_child([&] {
          const int result = tried(12);
          rusage used;
          getrusage(RUSAGE_SELF, &used);
          return used.ru_maxrss < 512 << 10 ? result : 2;
        }) == 0);
}

}  // namespace selfsup::data
