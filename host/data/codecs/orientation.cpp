#include "data/codecs/orientation.h"

#include <utility>

#include "data/codecs/bytes.h"

namespace selfsup::data {

int exif_orientation(std::span<const uint8_t> tiff) {
  const bool little = has_at(tiff, 0, "II");
  if (!little && !has_at(tiff, 0, "MM")) return 1;
  const Numbers reader(tiff, little);
  if (reader.u16(2) != 42) return 1;
  const size_t directory = reader.u32(4);
  const uint32_t entries = reader.u16(directory);
  for (uint32_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + size_t{12} * i;
    if (entry + 12 > tiff.size()) return 1;
    if (reader.u16(entry) != 0x0112) continue;
    const uint32_t value = reader.u16(entry + 8);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

namespace {

bool swaps_sides(int orientation) { return orientation >= 5; }  // rows become columns
bool from_right(int orientation) {
  return orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
}
bool from_bottom(int orientation) {
  return orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
}

Box with_sides_swapped(const Box& box) { return {box.left, box.top, box.width, box.height}; }

// Within the image as it is stored; undone by the same.
Box mirrored(int orientation, Box box, const Box& stored) {
  if (from_bottom(orientation)) box.top = stored.height - box.top - box.height;
  if (from_right(orientation)) box.left = stored.width - box.left - box.width;
  return box;
}

}  // namespace

Box turned_up(int orientation, Box box, const Box& stored) {
  box = mirrored(orientation, box, stored);
  return swaps_sides(orientation) ? with_sides_swapped(box) : box;
}

Box turned_back(int orientation, Box box, const Box& stored) {
  return mirrored(orientation, swaps_sides(orientation) ? with_sides_swapped(box) : box, stored);
}

void apply_orientation(int orientation, Image& image) {
  if (orientation <= 1) return;
  const bool swaps = swaps_sides(orientation), right = from_right(orientation), bottom = from_bottom(orientation);
  thread_local Image upright;
  upright.reshape(swaps ? image.width : image.height, swaps ? image.height : image.width, image.channels);
  const size_t channels = static_cast<size_t>(image.channels);
  for (int y = 0; y < upright.height; ++y) {
    uint8_t* target = upright.row(y);
    for (int x = 0; x < upright.width; ++x, target += channels) {
      const int row = swaps ? x : y, column = swaps ? y : x;
      const uint8_t* source = image.row(bottom ? image.height - 1 - row : row) +
                              static_cast<size_t>(right ? image.width - 1 - column : column) * channels;
      for (size_t c = 0; c < channels; ++c) target[c] = source[c];
    }
  }
  std::swap(image, upright);
}

}  // namespace selfsup::data
