// A dataset of the images below a folder. Knows no codec but by its files' endings.
#pragma once
#include "data/datasets/dataset.h"

namespace selfsup::data {

// Every file below the root that scan_folder() finds, in the order of the bytes of the relative paths; how many files
// and folders are left out is logged. Labels: when every image lies in a sub-folder and there are two of these or more,
// the sub-folders of the root, in the order of their bytes, are the classes. Error(data) when the root is missing,
// cannot be read or holds no image, Error(usage) when it is the run's own work folder.
std::unique_ptr<Dataset> open_image_folder(const Json& spec, const Reading& reading);

}  // namespace selfsup::data
