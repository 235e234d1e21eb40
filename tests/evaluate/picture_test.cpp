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

bool is_ground(const Picture& p, int x, int y) {
  return std::equal(pixel(p, 0, 0), pixel(p, 0, 0) + 3, pixel(p, x, y));
}

// Rows from `top` up to `bottom` in which there is anything but ground, within the columns given.
int inked_rows(const Picture& p, int top, int bottom, int left, int right) {
  int rows = 0;
  for (int y = top; y < bottom; ++y) {
    bool ink = false;
    for (int x = left; x < right; ++x) ink = ink || !is_ground(p, x, y);
    rows += ink;
  }
  return rows;
}

Sheet sheet_of(std::vector<std::vector<ImageView>> rows, int side) {
  Sheet sheet;
  sheet.side = side;
  for (const auto& row : rows) {
    sheet.rows.emplace_back();
    for (const ImageView& image : row) sheet.rows.back().push_back({image});
  }
  return sheet;
}

}  // namespace

TEST_CASE("images keep their colours, are enlarged by a whole factor, and grey becomes RGB") {
  const uint8_t rgb[2 * 2 * 3] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 1, 2, 3};
  const uint8_t grey[2 * 2] = {77, 78, 79, 81};
  const Picture p = compose(sheet_of({{{2, 2, 3, rgb}, {2, 2, 1, grey}}}, 20));
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

TEST_CASE("all images of a sheet are enlarged alike, and none is made smaller") {
  const std::vector<uint8_t> image(40 * 40, 100);
  for (const auto& [side, factor] : {std::pair(79, 2), {100, 3}, {81, 2}, {1, 1}}) {
    const Picture p = compose(sheet_of({{{40, 40, 1, image.data()}, {10, 10, 1, image.data()}}}, side));
    const auto [x, y] = find(p, 100, 100, 100);
    int width = 0, small = 0;
    while (!is_ground(p, x + width, y)) ++width;
    const int middle = y + 20 * factor;
    for (int at = x + width; at < p.width; ++at) small += !is_ground(p, at, middle);
    CHECK(width == 40 * factor);
    CHECK(small == 10 * factor);
  }
}

TEST_CASE("images of other sizes stand in the middle of their cells, and nothing touches the edge") {
  const std::vector<uint8_t> image(30 * 60, 100);
  const Picture p =
      compose(sheet_of({{{30, 60, 1, image.data()}, {60, 30, 1, image.data()}}, {{60, 30, 1, image.data()}}}, 60));
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

TEST_CASE("captions stand above columns and below images, frames around them, none covers an image") {
  const std::vector<uint8_t> image(60 * 60, 100);
  const ImageView view{60, 60, 1, image.data()};
  const Picture bare = compose(sheet_of({{view, view}}, 60));
  Sheet sheet = sheet_of({{view, view}}, 60);
  sheet.columns = {{"first"}, {"a caption of several words", true}};
  sheet.rows[0][0].frame = Color{1, 200, 3};
  sheet.rows[0][1].caption = "wider than its column by far";
  const Picture p = compose(sheet);
  const auto [x, y] = find(p, 100, 100, 100);
  const auto grey = [](const Picture& picture) {
    int count = 0;
    for (int i = 0; i < picture.width * picture.height; ++i)
      count += std::all_of(&picture.pixels[static_cast<size_t>(3 * i)], &picture.pixels[static_cast<size_t>(3 * i)] + 3,
                           [](uint8_t byte) { return byte == 100; });
    return count;
  };
  CHECK(grey(bare) == 2 * 60 * 60);
  CHECK(grey(p) == 2 * 60 * 60);
  CHECK(find(p, 1, 200, 3) == std::pair(x - 4, y - 4));
  int second = x + 64;
  while (*pixel(p, second, y) != 100) ++second;
  CHECK(second - (x + 60) > 10);                  // apart
  CHECK(inked_rows(p, 0, y - 5, x, x + 60) > 5);  // "first", in one line
  CHECK(inked_rows(p, 0, y - 5, x, x + 60) < 18);
  CHECK(inked_rows(p, 0, y - 5, second, second + 60) > 20);         // in several lines
  CHECK(inked_rows(p, y + 64, p.height, second, second + 60) > 5);  // below the image
  CHECK(inked_rows(p, y + 64, p.height, x, x + 59) == 0);
  CHECK(inked_rows(p, 0, p.height, second + 70, p.width) == 0);  // what is too wide is cut
}

TEST_CASE("letters that are not there are boxes, one a character") {
  const std::vector<uint8_t> image(60 * 60, 100);
  const auto captioned = [&](const char* caption) {
    Sheet sheet = sheet_of({{{60, 60, 1, image.data()}}}, 60);
    sheet.columns = {{caption}};
    return compose(sheet).pixels;
  };
  CHECK(captioned("\xc3\xa9") == captioned("\xe4\xbd\xa0"));
  CHECK(captioned("\xc3\xa9") != captioned("\xc3\xa9\xc3\xa9"));
  CHECK(captioned("\xc3\xa9") != captioned("e"));
  CHECK(captioned("\x01") == captioned("\xc3\xa9"));
}

TEST_CASE("what makes no picture is an error") {
  const uint8_t bytes[12] = {};
  CHECK_THROWS_AS(compose({}), Error);
  CHECK_THROWS_AS(compose(sheet_of({{}}, 1)), Error);
  for (const ImageView& bad :
       {ImageView{0, 2, 3, bytes}, ImageView{2, -1, 3, bytes}, ImageView{2, 2, 2, bytes}, ImageView{2, 2, 3, nullptr}})
    CHECK_THROWS_AS(compose(sheet_of({{bad}}, 1)), Error);
}

TEST_CASE("an image is made smaller by averages, and keeps a pixel at least") {
  data::Image image;
  image.reshape(4, 400, 1);
  std::fill(image.pixels.begin(), image.pixels.end(), uint8_t{90});
  CHECK(reduced(image, 1).pixels == image.pixels);
  CHECK(reduced(image, 7).width == 400);
  const data::Image small = reduced(image, 0.1);
  CHECK(small.height == 1);
  CHECK(small.width == 40);
  CHECK(small.pixels == std::vector<uint8_t>(40, 90));
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
