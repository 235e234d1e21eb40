#include "data/codecs/whole.h"

#include <fmt/format.h>

#include "data/codecs/orientation.h"
#include "data/codecs/pixels.h"

namespace selfsup::data {

void Whole::set_size(int64_t height, int64_t width, int orientation) {
  check_image_size(height, width, how_.max_pixels);
  height_ = static_cast<int>(height), width_ = static_cast<int>(width), orientation_ = orientation;
}

ImageShape Whole::shape() const {
  const Box stored{0, 0, height_, width_}, upright = turned_up(orientation_, stored, stored);
  return {upright.height, upright.width, how_.channels};
}

Box Whole::decode(const Box&, Image& out) {
  try {
    read(out);
  } catch (const BadImage& e) {
    throw Undecodable(e.what());  // all of it is read, whatever part is wanted
  }
  convert_channels(how_.channels, out);
  apply_orientation(orientation_, out);
  return {0, 0, out.height, out.width};
}

void refuse_damaged(std::string_view format, std::string_view what) {
  throw BadImage(fmt::format("damaged {}: {}", format, what));
}

void refuse_cut(std::string_view format, bool can_keep) {
  throw BadImage(fmt::format("damaged {}: the data end too early{}", format, can_keep ? kHowToKeep : ""));
}

void refuse_claim(std::string_view format, int64_t height, int64_t width, uint64_t bytes) {
  throw BadImage(
      fmt::format("damaged {}: it claims {} x {} pixels, which {} bytes cannot hold", format, width, height, bytes));
}

}  // namespace selfsup::data
