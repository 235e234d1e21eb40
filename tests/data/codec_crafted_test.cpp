// Files that nobody's camera makes: small, well-formed as far as a glance goes, and made to cost memory or time.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <ctime>
#include <map>

#include "data/codecs/codec.h"
#include "data/support/support.h"

namespace selfsup::data {
namespace {

using Catch::Matchers::Contains;
using namespace test;

void put(Bytes& bytes, uint32_t n, int size) {
  for (int i = 0; i < size; ++i) bytes.push_back(static_cast<uint8_t>(n >> 8 * i));
}

void append(Bytes& bytes, const Bytes& more) { bytes.insert(bytes.end(), more.begin(), more.end()); }

struct Tag {
  uint32_t name;
  std::vector<uint32_t> values;
};

// Of tags in ascending order, with 32 bits a number. Behind them `data`, at data_at(tags).
size_t data_at(const std::vector<Tag>& tags) {
  size_t at = 8 + 2 + 12 * tags.size() + 4;
  for (const Tag& tag : tags) at += tag.values.size() > 1 ? 4 * tag.values.size() : 0;
  return at;
}

Bytes tiff(const std::vector<Tag>& tags, const Bytes& data) {
  Bytes file = {'I', 'I', 42, 0, 8, 0, 0, 0}, lists;
  const size_t lists_at = 8 + 2 + 12 * tags.size() + 4;
  put(file, static_cast<uint32_t>(tags.size()), 2);
  for (const Tag& tag : tags) {
    put(file, tag.name, 2);
    put(file, 4, 2);
    put(file, static_cast<uint32_t>(tag.values.size()), 4);
    put(file, tag.values.size() == 1 ? tag.values[0] : static_cast<uint32_t>(lists_at + lists.size()), 4);
    if (tag.values.size() > 1)
      for (const uint32_t value : tag.values) put(lists, value, 4);
  }
  put(file, 0, 4);
  append(file, lists);
  append(file, data);
  return file;
}

constexpr uint32_t kDeflate = 8;

// 16 x 16 pixels in one tile of 8000 x 8000.
Bytes giant_tile(uint32_t samples, uint32_t bits) {
  const Bytes data(50, 0);
  std::vector<Tag> tags = {{256, {16}},       {257, {16}},   {258, std::vector<uint32_t>(samples, bits)},
                           {259, {kDeflate}}, {262, {2}},    {277, {samples}},
                           {284, {1}},        {322, {8000}}, {323, {8000}},
                           {324, {0}},        {325, {50}}};
  tags[9].values = {static_cast<uint32_t>(data_at(tags))};
  return tiff(tags, data);
}

// So many tiles of 16 x 16 on a side, all of which are the same bytes.
Bytes tiles_over_one_another(uint32_t side, uint32_t bytes) {
  const uint32_t count = side * side;
  std::vector<Tag> tags = {{256, {16 * side}},
                           {257, {16 * side}},
                           {258, {8}},
                           {259, {kDeflate}},
                           {262, {1}},
                           {277, {1}},
                           {284, {1}},
                           {322, {16}},
                           {323, {16}},
                           {324, std::vector<uint32_t>(count)},
                           {325, std::vector<uint32_t>(count, bytes)}};
  std::ranges::fill(tags[9].values, static_cast<uint32_t>(data_at(tags)));
  return tiff(tags, Bytes(bytes, 0));
}

// Of run lengths.
Bytes bmp(uint32_t width, uint32_t height, const Bytes& runs) {
  constexpr uint32_t kHeaders = 14 + 40, kPalette = 8;
  Bytes file = {'B', 'M'};
  for (const uint32_t n : {uint32_t{0}, uint32_t{0}, kHeaders + kPalette, uint32_t{40}, width, height}) put(file, n, 4);
  put(file, 1, 2);
  put(file, 8, 2);
  for (const uint32_t n : {1u, 0u, 0u, 0u, 2u, 0u}) put(file, n, 4);
  append(file, {0, 0, 0, 0, 255, 255, 255, 0});
  append(file, runs);
  return file;
}

// A frame of one pixel on a screen.
Bytes gif_screen(uint32_t width, uint32_t height) {
  Bytes file = {'G', 'I', 'F', '8', '9', 'a'};
  put(file, width, 2);
  put(file, height, 2);
  append(file, {0xF0, 0, 0, 9, 9, 9, 250, 0, 0});
  append(file, {',', 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x4C, 1, 0, ';'});
  return file;
}

Bytes webp_canvas(uint32_t width, uint32_t height) {
  Bytes file = sample_images()["animated_corner.webp"], canvas;
  put(canvas, width - 1, 3);
  put(canvas, height - 1, 3);
  constexpr uint8_t kExtended[] = {'V', 'P', '8', 'X'};
  const auto at = std::search(file.begin(), file.end(), std::begin(kExtended), std::end(kExtended));
  REQUIRE(at != file.end());
  std::ranges::copy(canvas, at + 12);
  return file;
}

void segment(Bytes& file, uint8_t marker, const Bytes& content) {
  const auto size = static_cast<uint8_t>(content.size() + 2);
  append(file, {0xFF, marker, 0, size});
  append(file, content);
}

// A grey progressive JPEG of 8000 x 7990 pixels; of its scans all but the first say nothing, in runs of 32,767 blocks.
Bytes empty_scans(int scans) {
  constexpr size_t kBlocks = 1000 * 999, kRuns = kBlocks / 32767 + 1;
  Bytes file = {0xFF, 0xD8}, table(65, 16), one(17, 0);
  table[0] = 0;
  segment(file, 0xDB, table);
  segment(file, 0xC2, {8, 7990 >> 8, 7990 & 255, 8000 >> 8, 8000 & 255, 1, 1, 0x11, 0});
  one[1] = 1;  // one code, of one bit
  for (const auto& [kind, symbol] : {std::pair<uint8_t, uint8_t>{0, 0}, {0x10, 0xE0}}) {
    one[0] = kind;
    Bytes codes = one;
    codes.push_back(symbol);
    segment(file, 0xC4, codes);
  }
  segment(file, 0xDA, {1, 1, 0, 0, 0, 0});
  append(file, Bytes((kBlocks + 7) / 8, 0));
  std::vector<bool> bits;
  for (size_t run = 0; run < kRuns; ++run)
    for (int bit = 0; bit < 15; ++bit) bits.push_back(bit > 0);
  while (bits.size() % 8 != 0) bits.push_back(true);
  Bytes nothing;
  for (size_t i = 0; i < bits.size(); i += 8) {
    int byte = 0;
    for (size_t bit = 0; bit < 8; ++bit) byte = byte * 2 + (bits[i + bit] ? 1 : 0);
    nothing.push_back(static_cast<uint8_t>(byte));
    if (byte == 255) nothing.push_back(0);
  }
  for (int scan = 0; scan < scans; ++scan) {
    const auto coefficient = static_cast<uint8_t>(1 + scan % 63);
    const int low = 13 - scan / 63, high = scan < 63 ? 0 : low + 1;
    segment(file, 0xDA, {1, 1, 0, coefficient, coefficient, static_cast<uint8_t>(high << 4 | low)});
    append(file, nothing);
  }
  append(file, {0xFF, 0xD9});
  return file;
}

double seconds_of_this_process() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

}  // namespace

TEST_CASE("a small file buys no more memory than one that is full of pixels") {
  const std::map<std::string, std::pair<Bytes, const char*>> files = {
      {"a tile of 4 GiB", {giant_tile(32, 16), "its tiles take 3906 MiB each"}},
      {"a tile larger than its bytes unpack to", {giant_tile(3, 8), "it claims 16 x 16 pixels, which 50 bytes cannot"}},
      {"a BMP without runs", {bmp(8000, 8000, {0, 1}), "it claims 8000 x 8000 pixels, which 2 bytes cannot hold"}},
      {"a screen around a pixel", {gif_screen(8000, 8000), "it claims 8000 x 8000 pixels, which"}},
      {"a canvas around a frame", {webp_canvas(8000, 8000), "it claims 8000 x 8000 pixels, which"}}};
  for (const auto& [name, file] : files) {
    INFO(name);
    CHECK_THAT(reason(file.first), Contains(file.second));
    CHECK(in_child([&file = file] {
            const rlimit limit{64u << 20, 64u << 20};
            setrlimit(RLIMIT_DATA, &limit);
            return reason(file.first).empty() ? 1 : 0;
          }) == 0);
  }
  CHECK(reason(gif_screen(400, 400)).empty());
  CHECK(reason(webp_canvas(400, 300)).empty());
  // Rows that are left early, as writers do where the rest is of the first colour.
  CHECK(reason(bmp(300, 40, Bytes(80, 0))).empty());
}

TEST_CASE("tiles that lie over one another are refused before they are read, a few that are shared are not") {
  CHECK_THAT(reason(tiles_over_one_another(499, 1 << 20)), Contains("its 249001 parts lie over one another"));
  CHECK_THAT(reason(tiles_over_one_another(2, 1 << 10)), !Contains("lie over one another"));
}

TEST_CASE("pixels beyond a row of a BMP cost no time") {
  Bytes runs(100 << 20);
  for (size_t i = 0; i < runs.size(); i += 2) runs[i] = 255, runs[i + 1] = 1;
  const Bytes file = bmp(1, 1, runs);
  const double before = seconds_of_this_process();
  CHECK(reason(file).empty());
  CHECK(seconds_of_this_process() - before < 5);  // each pixel of its own they take 13
}

TEST_CASE("a JPEG of many scans over many blocks is refused early, one of as many as real ones have is not") {
  const double before = seconds_of_this_process();
  CHECK_THAT(reason(empty_scans(490)), Contains("go over 96 million blocks of pixels, more than are read"));
  CHECK(seconds_of_this_process() - before < 5);
  CHECK(reason(empty_scans(40), {.channels = 1}).empty());
  CHECK(reason(empty_scans(90), {.channels = 1, .max_pixels = 128'000'000}).empty());
}

TEST_CASE("a large JPEG of which little is left is kept where that is asked for") {
  Bytes cut = jpeg(gradient(3000, 3000, 3));
  cut.resize(8000);
  CHECK_THAT(reason(cut), Contains("which 8000 bytes cannot hold"));
  CHECK(reason(cut, {.keep_truncated = true}).empty());
}

TEST_CASE("a damaged AVIF is told of by its reason alone, nothing is written past the log") {
  Bytes bytes = sample_images()["420.avif"];
  constexpr uint8_t kContent[] = {'m', 'd', 'a', 't'};
  const auto content = std::search(bytes.begin(), bytes.end(), std::begin(kContent), std::end(kContent));
  REQUIRE(content != bytes.end());
  const auto from = content - bytes.begin() + 4;
  const TempDir dir;
  const std::string said = dir / "stderr";
  CHECK(in_child([&] {
          const int file = ::open(said.c_str(), O_CREAT | O_WRONLY, 0666);
          ::dup2(file, STDERR_FILENO);
          int refused = 0;
          for (auto at = from; at < static_cast<ptrdiff_t>(bytes.size()); ++at) {
            Bytes damaged = bytes;
            damaged[static_cast<size_t>(at)] ^= 0xA5;
            const std::string text = reason(damaged);
            if (text.find("getNextImage") != std::string::npos) return 1;
            if (text == "damaged AVIF: its pixels cannot be decoded") ++refused;
          }
          return refused > 0 ? 0 : 2;
        }) == 0);
  struct stat status;
  REQUIRE(::stat(said.c_str(), &status) == 0);
  CHECK(status.st_size == 0);
}

}  // namespace selfsup::data
