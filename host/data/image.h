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

// One that cannot be used whatever part of it is wanted, and whatever is done with it.
class Undecodable : public BadImage {
 public:
  using BadImage::BadImage;
};

// The reason where there is no memory for an image: its fault, as another may need less.
inline constexpr const char* kNoMemory = "no memory to decode it";

constexpr int64_t kMaxImageSide = 65535;
constexpr int64_t kMaxImagePixels = 64'000'000;  // of what a transform makes, and of a file unless a run says more
constexpr int64_t kMostImagePixels = int64_t{1} << 30;  // whatever a run says

// BadImage when an image has no pixels, or may not be that large.
void check_image_size(int64_t height, int64_t width, int64_t max_pixels = kMostImagePixels);

// channels is 1 (grey) or 3 (RGB). pixels holds height * width * channels bytes without padding.
struct Image {
  int height = 0, width = 0, channels = 0;
  std::vector<uint8_t> pixels;

  // Sets the shape and the pixel count; keeps the memory when it is large enough. Contents are unspecified. BadImage,
  // before memory is taken, when that would be too large an image.
  void reshape(int64_t h, int64_t w, int c);
  size_t row_bytes() const { return static_cast<size_t>(width) * static_cast<size_t>(channels); }
  uint8_t* row(int y) { return pixels.data() + static_cast<size_t>(y) * row_bytes(); }
  const uint8_t* row(int y) const { return pixels.data() + static_cast<size_t>(y) * row_bytes(); }
};

// Memory for the pixels of an image, which somebody else owns: as Image holds them.
struct Canvas {
  int height = 0, width = 0, channels = 0;
  uint8_t* pixels = nullptr;

  size_t row_bytes() const { return static_cast<size_t>(width) * static_cast<size_t>(channels); }
  uint8_t* row(int y) const { return pixels + static_cast<size_t>(y) * row_bytes(); }
};
inline Canvas canvas(Image& image) { return {image.height, image.width, image.channels, image.pixels.data()}; }

// Part of an image, in pixels.
struct Box {
  int top = 0, left = 0, height = 0, width = 0;
  bool operator==(const Box&) const = default;
};

// Shape of an image, or of a dataset whose images are all alike (0: they differ).
struct ImageShape {
  int height = 0, width = 0, channels = 0;
  bool operator==(const ImageShape&) const = default;
};

}  // namespace selfsup::data
