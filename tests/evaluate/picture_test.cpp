#include "evaluate/picture.h"

#include <png.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>

#include "base/errors.h"
#include "evaluate/font.h"

using namespace selfsup;
using namespace selfsup::evaluate;

namespace {

const uint8_t* pixel(const Picture& p, int x, int y) {
  return p.pixels.data() + (static_cast<size_t>(y) * static_cast<size_t>(p.width) + static_cast<size_t>(x)) * 3;
}

// Top left corner of the first area that has exactly this colour, or (-1, -1).
std::pair<int, int> find(const Picture& p, uint8_t r, uint8_t g, uint8_t b) {
  for (int y = 0; y < p.height; ++y) {
    for (int x = 0; x < p.width; ++x) {
      const uint8_t* at = pixel(p, x, y);
      if (at[0] == r && at[1] == g && at[2] == b) return {x, y};
    }
  }
  return {-1, -1};
}

}  // namespace

TEST_CASE("images keep their colours, are enlarged by a whole factor, and grey becomes RGB") {
  const uint8_t rgb[2 * 2 * 3] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 1, 2, 3};
  const uint8_t grey[2 * 2] = {77, 78, 79, 81};
  Panel panel;
  panel.columns = {"a", "b"};
  panel.rows = {{{2, 2, 3, rgb}, {2, 2, 1, grey}}};
  panel.min_side = 20;
  const Picture p = compose(panel);
  const auto [x, y] = find(p, 255, 0, 0);
  REQUIRE(x > 0);
  const auto at = [&](int dx, int dy) {
    return std::vector<int>(pixel(p, x + dx, y + dy), pixel(p, x + dx, y + dy) + 3);
  };
  CHECK(at(9, 9) == std::vector<int>{255, 0, 0});
  CHECK(at(10, 0) == std::vector<int>{0, 255, 0});
  CHECK(at(19, 9) == std::vector<int>{0, 255, 0});
  CHECK(at(0, 10) == std::vector<int>{0, 0, 255});
  CHECK(at(19, 19) == std::vector<int>{1, 2, 3});
  CHECK(at(20, 19) != std::vector<int>{1, 2, 3});
  const auto [gx, gy] = find(p, 77, 77, 77);
  CHECK(gx > x + 20);
  CHECK(gy == y);
  CHECK(find(p, 81, 81, 81) == std::pair(gx + 10, gy + 10));
}

TEST_CASE("rows, missing images and long labels find room") {
  const std::vector<uint8_t> image(28 * 28, 100);
  Panel panel;
  panel.columns = {"original", "reconstruction + visible", "averyveryverylongword"};
  panel.rows = {{{28, 28, 1, image.data()}, {}, {28, 28, 1, image.data()}}, {{28, 28, 1, image.data()}}};
  const Picture narrow = compose(panel);
  CHECK(narrow.width > 3 * 168);
  CHECK(narrow.height > 2 * 168);
  panel.columns[1] = "reconstruction with a label a good deal longer than the cell is wide, so that it is wrapped \xff";
  const Picture with = compose(panel);
  CHECK(with.width == narrow.width);
  CHECK(with.height > narrow.height + 3 * 20);
  // Nothing touches the edge.
  for (int x = 0; x < with.width; ++x) {
    CHECK(std::memcmp(pixel(with, x, 0), pixel(with, 0, 0), 3) == 0);
    CHECK(std::memcmp(pixel(with, x, with.height - 5), pixel(with, 0, 0), 3) == 0);
  }
  for (int y = 0; y < with.height; ++y) CHECK(std::memcmp(pixel(with, with.width - 1, y), pixel(with, 0, 0), 3) == 0);
}

TEST_CASE("every printable character has a glyph of its own") {
  std::vector<std::string> seen;
  for (char c = '!'; c <= '~'; ++c) {
    std::string glyph;
    for (int y = 0; y < glyph_height; ++y) {
      for (int x = 0; x < glyph_width; ++x) glyph += glyph_ink(c, x, y) ? '#' : '.';
    }
    CHECK(glyph.find('#') != glyph.npos);
    seen.push_back(glyph);
  }
  std::sort(seen.begin(), seen.end());
  CHECK(std::adjacent_find(seen.begin(), seen.end()) == seen.end());
  CHECK_FALSE(glyph_ink(' ', 2, 3));
  CHECK(glyph_ink(static_cast<char>(0xc3), 2, 0) == glyph_ink('?', 2, 0));
}

TEST_CASE("what makes no picture is an error") {
  const uint8_t bytes[12] = {};
  Panel panel;
  CHECK_THROWS_AS(compose(panel), Error);
  panel.columns = {"a"};
  CHECK_THROWS_AS(compose(panel), Error);
  for (const ImageView& bad : {ImageView{0, 2, 3, bytes}, ImageView{2, -1, 3, bytes}, ImageView{2, 2, 2, bytes}}) {
    panel.rows = {{bad}};
    CHECK_THROWS_AS(compose(panel), Error);
  }
  panel.rows = {{{1, 1, 1, bytes}, {1, 1, 1, bytes}}};
  CHECK_THROWS_AS(compose(panel), Error);
}

TEST_CASE("a PNG decodes to the same pixels, replaces an old one, and is whole or absent") {
  const std::string folder =
      (std::filesystem::temp_directory_path() / ("selfsup-picture-" + std::to_string(::getpid()))).string();
  std::filesystem::create_directories(folder);
  const std::string path = folder + "/p.png";
  Picture p{37, 11, {}};
  for (int i = 0; i < 37 * 11 * 3; ++i) p.pixels.push_back(static_cast<uint8_t>(i * 7));
  write_png(path, Picture{1, 1, {9, 9, 9}});
  write_png(path, p);
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  REQUIRE(png_image_begin_read_from_file(&image, path.c_str()));
  CHECK(image.format == PNG_FORMAT_RGB);
  image.format = PNG_FORMAT_RGB;
  std::vector<uint8_t> decoded(PNG_IMAGE_SIZE(image));
  REQUIRE(png_image_finish_read(&image, nullptr, decoded.data(), 0, nullptr));
  CHECK(image.width == 37);
  CHECK(decoded == p.pixels);
  try {
    write_png(folder + "/absent/p.png", p);
    CHECK(false);
  } catch (const Error& error) {
    CHECK(error.exit() == Exit::storage);
  }
  CHECK_THROWS_AS(write_png(folder, p), Error);  // a folder is in the way
  size_t entries = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++entries;
  CHECK(entries == 1);
  std::filesystem::remove_all(folder);
  ::unlink((folder + ".tmp").c_str());
}
