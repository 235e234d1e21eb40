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

Image& View::pixels() {
  if (edits_.empty() && source_.use_count() == 1) return *source_;
  thread_local Image drawn;  // swapped with the sources, so that memory goes round
  draw(*source_, edits_, drawn);
  edits_.clear();
  if (source_.use_count() == 1)
    std::swap(*source_, drawn);
  else
    source_ = std::make_shared<Image>(std::move(drawn));
  return *source_;
}

void View::replace(Image image) { blank() = std::move(image); }

Image& View::blank() {
  edits_.clear();
  if (source_.use_count() != 1) source_ = std::make_shared<Image>();
  return *source_;
}

const Image& View::image() const {
  if (!edits_.empty()) throw std::logic_error("a view is read before its edits are drawn");
  return *source_;
}

}  // namespace selfsup::data
