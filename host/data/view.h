// One image of a sample: pixels, which it may share with other views, and edits that nobody has drawn yet.
#pragma once
#include <memory>
#include <span>
#include <vector>

#include "data/edits/edit.h"
#include "data/image.h"
#include "data/image_source.h"

namespace selfsup::data {

// A copy shares the pixels and has the same edits. Views that share pixels belong to one thread.
class View {
 public:
  View() : source_(std::make_shared<ImageSource>()) {}
  View(Image image) : source_(std::make_shared<ImageSource>(std::move(image))) {}  // NOLINT: an image is a view

  // As it will be, with its edits.
  ImageShape shape() const { return edits_.empty() ? source_->shape() : shape_; }
  // std::invalid_argument says what is wrong with the edit.
  void append(const Edit& edit);
  const std::vector<Edit>& edits() const { return edits_; }

  // Draws the edits. The pixels are this view's own, to be written. BadImage when the file turns out to be damaged: its
  // pixels may not have been decoded before.
  Image& pixels();
  // Another image takes its place; the memory of the old one is used where it is this view's own.
  void replace(Image image);
  ImageSource& blank();  // a source of its own without edits, to be filled

  // Draws the edits into memory for shape() pixels and leaves the view as it is: decode() has been there.
  void draw_into(uint8_t* pixels) const;

  // Of a view whose edits are drawn.
  const Image& image() const;

 private:
  friend void decode(std::span<View> views);
  friend void draw(std::span<View> views);
  Box needed() const;
  Image& drawn();

  std::shared_ptr<ImageSource> source_;
  std::vector<Edit> edits_;
  ImageShape shape_;  // after the edits, when there are any
};

// Decodes what views stand for of which nobody will ask for more than their edits: a file that they share once, and no
// further than all of them need. Throws as View::pixels.
void decode(std::span<View> views);
// The same, and draws their edits.
void draw(std::span<View> views);

}  // namespace selfsup::data
