// A dataset of the images that a file lists. Knows no codec.
#pragma once
#include "data/datasets/dataset.h"

namespace selfsup::data {

// ann_file: one image a line, "path" or "path label"; the last word is a label when it is a number, so paths may hold
// blanks. UTF-8; a byte order mark is passed over. Paths are relative to the root. Whether the files exist is seen when
// they are read.
std::unique_ptr<Dataset> open_image_list(const Json& spec, const Reading& reading);

}  // namespace selfsup::data
