// How a picture is to be turned to stand upright: EXIF's orientations, 1 (as it is) to 8.
#pragma once
#include <cstdint>
#include <span>

#include "data/image.h"

namespace selfsup::data {

// The one in a block of EXIF data (a TIFF header and what follows); 1 when there is none.
int exif_orientation(std::span<const uint8_t> tiff);
// Turns the image so that it stands upright.
void apply_orientation(int orientation, Image& image);
// Where a box of an image ends up, and where it comes from; stored: all of the image, before it is turned.
Box turned_up(int orientation, Box box, const Box& stored);
Box turned_back(int orientation, Box box, const Box& stored);

}  // namespace selfsup::data
