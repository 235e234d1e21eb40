#include "evaluate/picture.h"

#include <fmt/format.h>
#include <png.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/errors.h"

namespace selfsup::evaluate {
namespace {

constexpr uint8_t kGround = 250;
constexpr int kMargin = 20, kGap = 10;

int scale_of(const ImageView& image, int min_side) {
  const int side = std::max(image.width, image.height);
  return std::max(1, (min_side + side - 1) / side);
}

void check(const ImageView& image) {
  constexpr int kMost = 16384;
  if (image.pixels && image.width > 0 && image.height > 0 && image.width <= kMost && image.height <= kMost &&
      (image.channels == 1 || image.channels == 3))
    return;
  throw Error(Exit::failed, fmt::format("a picture cannot show an image of {} x {} with {} channels", image.width,
                                        image.height, image.channels));
}

// Where each column or row begins, and behind the last where one more would.
std::vector<int> starts_of(const std::vector<int>& sizes) {
  std::vector<int> starts{kMargin};
  for (const int size : sizes) starts.push_back(starts.back() + size + kGap);
  return starts;
}

void paint(const ImageView& image, int scale, int left, int top, Picture& picture) {
  const size_t last = static_cast<size_t>(image.channels) - 1;  // 0 for grey: the one channel three times
  for (int y = 0; y < image.height * scale; ++y) {
    uint8_t* to = &picture.pixels[3 * (static_cast<size_t>(top + y) * static_cast<size_t>(picture.width) +
                                       static_cast<size_t>(left))];
    for (int x = 0; x < image.width * scale; ++x, to += 3) {
      const uint8_t* from = image.pixels + (static_cast<size_t>(y / scale) * static_cast<size_t>(image.width) +
                                            static_cast<size_t>(x / scale)) *
                                               static_cast<size_t>(image.channels);
      for (size_t c = 0; c < 3; ++c) to[c] = from[std::min(c, last)];
    }
  }
}

}  // namespace

Picture compose(const std::vector<std::vector<ImageView>>& rows, int min_side) {
  std::vector<int> widths, heights;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    heights.push_back(0);
    for (size_t c = 0; c < row.size(); ++c) {
      check(row[c]);
      const int scale = scale_of(row[c], min_side);
      widths[c] = std::max(widths[c], row[c].width * scale);
      heights.back() = std::max(heights.back(), row[c].height * scale);
    }
  }
  if (widths.empty()) throw Error(Exit::failed, "a picture needs images");
  const std::vector<int> x = starts_of(widths), y = starts_of(heights);
  Picture picture{x.back() - kGap + kMargin, y.back() - kGap + kMargin, {}};
  picture.pixels.resize(static_cast<size_t>(picture.width) * static_cast<size_t>(picture.height) * 3, kGround);
  for (size_t r = 0; r < rows.size(); ++r)
    for (size_t c = 0; c < rows[r].size(); ++c) {
      const ImageView& image = rows[r][c];
      const int scale = scale_of(image, min_side);
      paint(image, scale, x[c] + (widths[c] - image.width * scale) / 2, y[r] + (heights[r] - image.height * scale) / 2,
            picture);
    }
  return picture;
}

void write_png(const std::string& path, const Picture& picture) {
  const std::string unfinished = path + ".tmp";
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.format = PNG_FORMAT_RGB;
  image.width = static_cast<png_uint_32>(picture.width);
  image.height = static_cast<png_uint_32>(picture.height);
  std::string why;
  if (png_image_write_to_file(&image, unfinished.c_str(), 0, picture.pixels.data(), 0, nullptr) == 0)
    why = image.message;
  else if (::rename(unfinished.c_str(), path.c_str()) != 0)
    why = std::strerror(errno);
  if (why.empty()) return;
  ::unlink(unfinished.c_str());
  throw Error(Exit::storage, fmt::format("cannot write the picture {}: {}", path, why));
}

}  // namespace selfsup::evaluate
