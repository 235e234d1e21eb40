// The types of transforms that are built in. To add one, write a file that defines its function, and name this twice
// here.
#include "data/transforms/transform.h"

namespace selfsup::data {

TransformType load_image(), random_resized_crop(), resize(), resize_edge(), center_crop(), random_crop(), random_flip(),
    random_rotation(), multi_view(), random_apply(), pack_inputs();

const Registry<TransformType>& transform_types() {
  static const Registry<TransformType> types({load_image(), random_resized_crop(), resize(), resize_edge(),
                                              center_crop(), random_crop(), random_flip(), random_rotation(),
                                              multi_view(), random_apply(), pack_inputs()});
  return types;
}

}  // namespace selfsup::data
