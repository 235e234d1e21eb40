// MMSelfSup's datasets, which are one or the other by whether they name a list.
#include "config/schema.h"
#include "data/datasets/image_files.h"
#include "data/datasets/image_folder.h"
#include "data/datasets/image_list.h"

namespace selfsup::data {

DatasetType folder_or_list() {
  return {{"ImageNet", "mmcls.ImageNet", "CustomDataset", "mmcls.CustomDataset"},
          config::parse_schema(std::string(R"({
            "type": "object", "description": "with ann_file an image_list, else an image_folder",
            "properties": {)") + kImageFileKeys +
                                   R"(,
              "ann_file": {"type": "string", "default": "", "description": "the list, relative to data_root"},
              "with_label": {"type": "boolean", "description": "as in image_folder"}}})",
                               "folder_or_list"),
          [](const Json& spec, const Reading& reading) {
            return spec.get("ann_file").as_string().empty() ? open_image_folder(spec, reading)
                                                            : open_image_list(spec, reading);
          },
          shape_of_image_files};
}

}  // namespace selfsup::data
