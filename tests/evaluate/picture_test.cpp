#include "evaluate/picture.h"

#include <png.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>

#include "base/errors.h"

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
  const Picture p = compose({{{2, 2, 3, rgb}, {2, 2, 1, grey}}}, 20);
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

TEST_CASE("images of other sizes stand in the middle of their cells, and nothing touches the edge") {
  const std::vector<uint8_t> image(30 * 60, 100);
  const Picture p = compose({{{30, 60, 1, image.data()}, {60, 30, 1, image.data()}}, {{60, 30, 1, image.data()}}}, 60);
  const auto is_image = [&](int x, int y) { return *pixel(p, x, y) == 100; };
  const auto [x, y] = find(p, 100, 100, 100);
  REQUIRE(x > 0);
  REQUIRE(y > 0);
  CHECK(p.width - x - 60 > 60);  // the second column
  // The first column is 60 wide and the first row 60 high: the upright image is 15 off the left, the lying one off the
  // top.
  const int column = [&] {
    int at = x + 30;
    while (!is_image(at, y + 30)) ++at;
    return at;
  }();
  CHECK(is_image(x, y));
  CHECK_FALSE(is_image(x - 1, y));
  CHECK(is_image(x, y + 59));
  CHECK_FALSE(is_image(x, y + 60));
  CHECK(is_image(column, y + 15));
  CHECK_FALSE(is_image(column, y + 14));
  CHECK(is_image(column + 59, y + 44));
  CHECK_FALSE(is_image(column, y + 45));
  CHECK(is_image(x - 15, p.height - 1 - y));
  for (int i = 0; i < p.width; ++i) CHECK_FALSE((is_image(i, 0) || is_image(i, p.height - 1)));
  for (int i = 0; i < p.height; ++i) CHECK_FALSE((is_image(0, i) || is_image(p.width - 1, i)));
}

TEST_CASE("what makes no picture is an error") {
  const uint8_t bytes[12] = {};
  CHECK_THROWS_AS(compose({}), Error);
  CHECK_THROWS_AS(compose({{}}), Error);
  for (const ImageView& bad :
       {ImageView{0, 2, 3, bytes}, ImageView{2, -1, 3, bytes}, ImageView{2, 2, 2, bytes}, ImageView{2, 2, 3, nullptr}})
    CHECK_THROWS_AS(compose({{bad}}), Error);
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
