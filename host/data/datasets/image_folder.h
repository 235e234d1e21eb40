// A dataset of the images below a folder. Knows no codec but by its files' endings.
#pragma once
#include "data/datasets/dataset.h"

namespace selfsup::data {

// Every file below the root whose name has an image's ending, in any case: that of a codec, or of a format which cannot
// be decoded (gif, webp, bmp, tif, tiff, ppm, pgm, pbm, pnm), so that such an image is found bad, not lost. In the
// order of the bytes of the relative paths. How many files with other endings are left out is logged; names that start
// with a dot are passed over; links to folders are followed, but not in circles. Labels: when every image lies in a
// sub-folder and there are two of these or more, the sub-folders of the root, in the order of their bytes, are the
// classes. Error(data) when the root is missing, cannot be read or holds no image.
std::unique_ptr<Dataset> open_image_folder(const Json& spec);

}  // namespace selfsup::data
