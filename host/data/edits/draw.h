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

}  // namespace selfsup::data
