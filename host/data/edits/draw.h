// Draws what a list of edits says. Knows neither samples nor transforms.
#pragma once
#include <span>

#include "data/edits/edit.h"
#include "data/image.h"

namespace selfsup::data {

// The pixels are those of drawing one edit after the other, each rounded to 8 bits, in as few passes over the image as
// the edits allow: crop, resize and flips with the colour edits behind them, line by line, up to one that must know the
// whole image. The edits have no problem (edit.h); out is not source.
void draw(const Image& source, std::span<const Edit> edits, Image& out);

// The part of an image of that shape that the edits look at.
Box part_needed(std::span<const Edit> edits, const ImageShape& shape);
// As above, of an image of which only a part is there: the one needed at least. `part` says where it lies. `out` has
// the shape that the edits leave.
void draw(const Image& pixels, const Box& part, std::span<const Edit> edits, const Canvas& out);

}  // namespace selfsup::data
