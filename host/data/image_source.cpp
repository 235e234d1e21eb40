#include "data/image_source.h"

#include <algorithm>
#include <new>

namespace selfsup::data {

Image& ImageSource::blank() {
  picture_.reset();
  top_ = left_ = 0;
  return image_;
}

void ImageSource::open(const Decoding& how) {
  blank();
  picture_ = open_image(file_, how);
  wanted_ = {};
}

ImageShape ImageSource::shape() const {
  return picture_ ? picture_->shape() : ImageShape{image_.height, image_.width, image_.channels};
}

void ImageSource::want(const Box& box) {
  if (wanted_.height == 0) {
    wanted_ = box;
    return;
  }
  const int bottom = std::max(wanted_.top + wanted_.height, box.top + box.height);
  const int right = std::max(wanted_.left + wanted_.width, box.left + box.width);
  wanted_.top = std::min(wanted_.top, box.top), wanted_.left = std::min(wanted_.left, box.left);
  wanted_.height = bottom - wanted_.top, wanted_.width = right - wanted_.left;
}

void ImageSource::decode() {
  if (decoded()) return;
  const ImageShape whole = picture_->shape();
  if (wanted_.height == 0) wanted_ = {0, 0, whole.height, whole.width};
  const std::unique_ptr<Undecoded> picture = std::move(picture_);  // is of no use again, whatever comes of it
  try {
    const Box part = picture->decode(wanted_, image_);
    top_ = part.top, left_ = part.left;
  } catch (const std::bad_alloc&) {
    throw BadImage(kNoMemory);
  }
}

}  // namespace selfsup::data
