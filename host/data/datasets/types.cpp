// The types of datasets that there are. To add one, write a file that defines its function, and name this twice here.
#include "data/datasets/dataset.h"

namespace selfsup::data {

DatasetType shapes(), idx(), image_folder(), image_list(), folder_or_list();

const Registry<DatasetType>& dataset_types() {
  static const Registry<DatasetType> types({shapes(), idx(), image_folder(), image_list(), folder_or_list()});
  return types;
}

}  // namespace selfsup::data
