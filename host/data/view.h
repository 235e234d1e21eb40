// One image of a sample: pixels, which it may share with other views, and edits that nobody has drawn yet.
#pragma once
#include <memory>
#include <vector>

#include "data/edits/edit.h"
#include "data/image.h"

namespace selfsup::data {

// A copy shares the pixels and has the same edits. Views that share pixels belong to one thread.
class View {
 public:
  View() : source_(std::make_shared<Image>()) {}
  View(Image image) : source_(std::make_shared<Image>(std::move(image))) {}  // NOLINT: an image is a view

  // As it will be, with its edits.
  ImageShape shape() const { return edits_.empty() ? shape_of(*source_) : shape_; }
  // std::invalid_argument says what is wrong with the edit.
  void append(const Edit& edit);
  const std::vector<Edit>& edits() const { return edits_; }

  // Draws the edits. The pixels are this view's own, to be written.
  Image& pixels();
  // Another image takes its place; the memory of the old one is used where it is this view's own.
  void replace(Image image);
  Image& blank();  // an image of its own without edits, whose content is to be written

  // Of a view without edits.
  const Image& image() const;

 private:
  static ImageShape shape_of(const Image& image) { return {image.height, image.width, image.channels}; }

  std::shared_ptr<Image> source_;
  std::vector<Edit> edits_;
  ImageShape shape_;  // after the edits, when there are any
};

}  // namespace selfsup::data
