// One decoded image: 8-bit pixels, row by row, channels innermost. Knows neither files nor batches.
#pragma once
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace selfsup::data {

// An image that cannot be used; what() is the reason, without the path. The loader replaces it.
class BadImage : public std::runtime_error {
 public:
  explicit BadImage(const std::string& reason) : std::runtime_error(reason) {}
};

// channels is 1 (grey) or 3 (RGB). pixels holds height * width * channels bytes without padding.
struct Image {
  int height = 0, width = 0, channels = 0;
  std::vector<uint8_t> pixels;

  // Sets the shape and the pixel count; keeps the memory when it is large enough. Contents are unspecified.
  void reshape(int h, int w, int c) {
    height = h, width = w, channels = c;
    pixels.resize(static_cast<size_t>(h) * static_cast<size_t>(w) * static_cast<size_t>(c));
  }
  size_t row_bytes() const { return static_cast<size_t>(width) * static_cast<size_t>(channels); }
  uint8_t* row(int y) { return pixels.data() + static_cast<size_t>(y) * row_bytes(); }
  const uint8_t* row(int y) const { return pixels.data() + static_cast<size_t>(y) * row_bytes(); }
};

// Shape of an image, or of a dataset whose images are all alike (0: they differ).
struct ImageShape {
  int height = 0, width = 0, channels = 0;
  bool operator==(const ImageShape&) const = default;
};

}  // namespace selfsup::data
