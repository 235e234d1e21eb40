// Pictures for people: sheets of images with captions, in PNG files. Knows no tensor and no algorithm.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/image.h"

namespace selfsup::evaluate {

// uint8, rows from the top, channels last (1: grey, 3: RGB), dense. Borrowed.
struct ImageView {
  int width = 0, height = 0, channels = 3;
  const uint8_t* pixels = nullptr;
};

// Owns RGB pixels.
struct Picture {
  int width = 0, height = 0;
  std::vector<uint8_t> pixels;  // width x height x 3
};

// With what it shows.
struct Captioned {
  Picture picture;
  std::string caption;
};

struct Color {
  uint8_t red = 0, green = 0, blue = 0;
};

// What stands in a sheet's column and row.
struct Cell {
  ImageView image;
  std::string caption = {};         // below the image; cut where it is wider than its column
  std::optional<Color> frame = {};  // around the image
};

struct Sheet {
  struct Column {
    std::string caption = {};  // above the images, in up to three lines
    bool apart = false;        // further from the one before
  };
  std::vector<Column> columns;  // as far as there is something to say of them
  std::vector<std::vector<Cell>> rows;
  int side = 160;  // images are enlarged by one whole factor, so that the longest side comes close to this
};

// On a light ground, each image in the middle of its cell; a column is as wide as its widest image, a row as high as
// its highest. Characters of captions that are not ASCII are boxes. Error(failed) without images, or with one that
// cannot be shown.
Picture compose(const Sheet& sheet);

// Of the same form with `scale` times its sides, each one pixel or more; as it is where scale is 1 or more.
data::Image reduced(const data::Image& image, double scale);

inline ImageView view_of(const data::Image& image) {
  return {image.width, image.height, image.channels, image.pixels.data()};
}

// 8-bit RGB, put in place by a rename. Error(storage).
void write_png(const std::string& path, const Picture& picture);

}  // namespace selfsup::evaluate
