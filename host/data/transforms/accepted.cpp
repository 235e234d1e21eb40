// Steps of MMSelfSup's pipelines that have nothing to do here.
#include "config/schema.h"
#include "data/transforms/transform.h"

namespace selfsup::data {
namespace {

std::unique_ptr<Transform> nothing(const Json&, const StepsMaker&) { return nullptr; }

}  // namespace

TransformType load_image() {
  return {{"LoadImageFromFile"},
          config::parse_schema(R"({
  "type": "object",
  "description": "accepted for MMSelfSup's configurations: files are read and decoded by the dataset",
  "properties": {
    "type": {"type": "string"},
    "color_type": {"type": "string", "enum": ["color"], "default": "color", "description": "the dataset's channels decides"},
    "imdecode_backend": {"type": "string", "x-ssp-idle": true},
    "file_client_args": {"type": "object", "x-ssp-idle": true},
    "backend_args": {"type": ["object", "null"], "x-ssp-idle": true}
  }
})",
                               "LoadImageFromFile"),
          nothing};
}

TransformType pack_inputs() {
  return {{"PackSelfSupInputs"},
          config::parse_schema(R"({
  "type": "object",
  "description": "accepted for MMSelfSup's configurations: the loader packs batches itself",
  "properties": {
    "type": {"type": "string"},
    "key": {"type": "string", "x-ssp-idle": true},
    "algorithm_keys": {"type": "array", "items": {"type": "string"}, "x-ssp-idle": true},
    "pseudo_label_keys": {"type": "array", "items": {"type": "string"}, "x-ssp-idle": true},
    "meta_keys": {"type": "array", "items": {"type": "string"}, "x-ssp-idle": true}
  }
})",
                               "PackSelfSupInputs"),
          nothing};
}

}  // namespace selfsup::data
