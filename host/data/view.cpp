#include "data/view.h"

#include <stdexcept>
#include <utility>

#include "data/edits/draw.h"

namespace selfsup::data {

void View::append(const Edit& edit) {
  const ImageShape before = shape();
  if (const std::string problem = problem_of(edit, before); !problem.empty()) throw std::invalid_argument(problem);
  edits_.push_back(edit);
  shape_ = shape_after(edit, before);
}

Box View::needed() const { return part_needed(edits_, source_->shape()); }

Image& View::drawn() {
  source_->decode();
  if (edits_.empty() && source_.use_count() == 1) return source_->image();
  const ImageShape made = shape();
  thread_local Image out;  // swapped with the sources, so that memory goes round
  out.reshape(made.height, made.width, made.channels);
  draw_into(out.pixels.data());
  edits_.clear();
  if (source_.use_count() == 1)
    std::swap(source_->image(), out);
  else
    source_ = std::make_shared<ImageSource>(std::move(out));
  return source_->blank();
}

Image& View::pixels() {
  // What the other views of a shared source will need is not known yet.
  if (!source_->decoded() && source_.use_count() == 1) source_->want(needed());
  return drawn();
}

void View::replace(Image image) { blank().blank() = std::move(image); }

ImageSource& View::blank() {
  edits_.clear();
  if (source_.use_count() != 1) source_ = std::make_shared<ImageSource>();
  return *source_;
}

void View::draw_into(uint8_t* pixels) const {
  if (!source_->decoded()) throw std::logic_error("a view is drawn before its file is decoded");
  const ImageShape made = shape();
  draw(source_->image(), source_->part(), edits_, {made.height, made.width, made.channels, pixels});
}

const Image& View::image() const {
  if (!edits_.empty() || !source_->decoded()) throw std::logic_error("a view is read before its edits are drawn");
  return source_->image();
}

void decode(std::span<View> views) {
  for (View& view : views)
    if (!view.source_->decoded()) view.source_->want(view.needed());
  for (View& view : views) view.source_->decode();
}

void draw(std::span<View> views) {
  decode(views);
  for (View& view : views) view.drawn();
}

}  // namespace selfsup::data
