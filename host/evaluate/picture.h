// Pictures for people: a grid of images, in a PNG file. Knows no tensor and no algorithm.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

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

// The images on a light ground, each in the middle of its cell; a column is as wide as its widest image, a row as high
// as its highest. Small images are enlarged by a whole factor until their longer side has min_side pixels or more.
// Error(failed) without images, or with one that cannot be shown.
Picture compose(const std::vector<std::vector<ImageView>>& rows, int min_side = 160);

// 8-bit RGB, put in place by a rename. Error(storage).
void write_png(const std::string& path, const Picture& picture);

}  // namespace selfsup::evaluate
