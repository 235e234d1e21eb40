#include "data/datasets/dataset.h"

#include "config/schema.h"

namespace selfsup::data {

std::unique_ptr<Dataset> make_dataset(const Json& spec, const Reading& reading) {
  return dataset_types().get(spec.get_string("type", kDefaultDataset)).make(spec, reading);
}

ImageShape stated_shape(const Json& spec) {
  try {
    const DatasetType& type = dataset_types().get(spec.get_string("type", kDefaultDataset));
    Json resolved = spec;
    config::validate(resolved, type.schema, "", {});  // for the defaults; problems are told with the rest
    return type.stated_shape(resolved);
  } catch (const std::runtime_error&) {
    return {};
  }
}

}  // namespace selfsup::data
