// Owns pictures for people: a grid of images with labels, and PNG files. Knows no tensor and no algorithm.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace selfsup::evaluate {

// uint8, rows from the top, channels last (1 = grey, 3 = RGB), dense. Borrowed.
struct ImageView {
  int width = 0, height = 0, channels = 3;
  const uint8_t* pixels = nullptr;  // null: an empty cell
};

// Owns RGB pixels.
struct Picture {
  int width = 0, height = 0;
  std::vector<uint8_t> pixels;  // width × height × 3
};

struct Panel {
  std::vector<std::string> columns;          // labels, wrapped at spaces to the width of a cell
  std::vector<std::vector<ImageView>> rows;  // each as long as columns, or shorter
  int min_side = 160;  // small images are enlarged by a whole factor until their longer side is at least that
};

// Lays the panel out on a light ground: labels, then the rows, each image centred in its cell. Without columns or rows,
// or with a bad image: Error(failed).
Picture compose(const Panel& panel);

// 8-bit RGB PNG, put in place by a rename. Error(storage).
void write_png(const std::string& path, const Picture& picture);

}  // namespace selfsup::evaluate
