// What the views of a sample are made from: pixels, or the bytes of a file of which only the header has been read until
// it is known which pixels are wanted. Knows neither edits nor paths.
#pragma once
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "data/codecs/codec.h"
#include "data/image.h"

namespace selfsup::data {

// Of one thread. Keeps its memory for the next image.
class ImageSource {
 public:
  ImageSource() = default;
  explicit ImageSource(Image image) : image_(std::move(image)) {}

  // An image whose pixels are to be written; what was here is gone.
  Image& blank();
  // Memory for the bytes of a file. open() then reads their header; what was here is gone. BadImage.
  std::vector<uint8_t>& file() { return file_; }
  void open(const Decoding& how);

  ImageShape shape() const;
  bool decoded() const { return picture_ == nullptr; }
  // Widens what decode() decodes, which is everything when nothing has been wanted.
  void want(const Box& box);
  // Nothing when that is done. BadImage (codec.h says which damage is seen).
  void decode();

  // Once decoded.
  Image& image() { return image_; }
  const Image& image() const { return image_; }
  Box part() const { return {top_, left_, image_.height, image_.width}; }  // where the pixels lie in the whole

 private:
  Image image_;
  int top_ = 0, left_ = 0;
  std::vector<uint8_t> file_;
  std::unique_ptr<Undecoded> picture_;  // of file_
  Box wanted_;                          // without rows: nothing yet
};

}  // namespace selfsup::data
