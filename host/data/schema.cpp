#include "data/schema.h"

#include <initializer_list>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace selfsup::data {
namespace {

constexpr char kInterpolation[] = R"(
    "interpolation": {"type": "string", "enum": ["nearest", "bilinear", "bicubic"], "default": "bilinear", "description": "as Pillow: antialiased when shrinking"},
    "backend": {"type": "string", "enum": ["pillow"], "default": "pillow", "description": "whose arithmetic is followed"})";

constexpr char kLoad[] = R"({
  "type": "object",
  "description": "accepted for MMSelfSup's configurations: files are read and decoded by the dataset",
  "properties": {
    "type": {"type": "string"},
    "color_type": {"type": "string", "enum": ["color"], "default": "color", "description": "the dataset's channels decides"},
    "imdecode_backend": {"type": "string", "x-ssp-idle": true},
    "file_client_args": {"type": "object", "x-ssp-idle": true},
    "backend_args": {"type": ["object", "null"], "x-ssp-idle": true}
  }
})";

constexpr char kPack[] = R"({
  "type": "object",
  "description": "accepted for MMSelfSup's configurations: the loader packs batches itself",
  "properties": {
    "type": {"type": "string"},
    "key": {"type": "string", "x-ssp-idle": true},
    "algorithm_keys": {"type": "array", "items": {"type": "string"}, "x-ssp-idle": true},
    "pseudo_label_keys": {"type": "array", "items": {"type": "string"}, "x-ssp-idle": true},
    "meta_keys": {"type": "array", "items": {"type": "string"}, "x-ssp-idle": true}
  }
})";

std::string random_resized_crop_schema() {
  return std::string(R"({
  "type": "object",
  "description": "a box of random area and ratio, resized",
  "properties": {
    "type": {"type": "string"},
    "size": {"type": ["integer", "array"], "minimum": 1, "maximum": 65535, "items": {"type": "integer", "minimum": 1, "maximum": 65535}, "minItems": 2, "maxItems": 2, "description": "pixels, or [height, width]"},
    "scale": {"type": "array", "items": {"type": "number", "exclusiveMinimum": 0}, "minItems": 2, "maxItems": 2, "default": [0.08, 1.0], "description": "share of the area, low and high"},
    "ratio": {"type": "array", "items": {"type": "number", "exclusiveMinimum": 0}, "minItems": 2, "maxItems": 2, "default": [0.75, 1.3333333333333333], "description": "width by height, low and high"},
    "max_attempts": {"type": "integer", "minimum": 0, "maximum": 1000, "default": 10, "description": "draws before the largest centred box is taken"},)") +
         kInterpolation + R"(
  },
  "required": ["size"]
})";
}

std::string resize_schema() {
  return std::string(R"({
  "type": "object",
  "description": "to a size",
  "properties": {
    "type": {"type": "string"},
    "scale": {"type": ["integer", "array"], "minimum": 1, "maximum": 65535, "items": {"type": "integer", "minimum": 1, "maximum": 65535}, "minItems": 2, "maxItems": 2, "description": "pixels, or [width, height] as in mmcv"},
    "keep_ratio": {"type": "boolean", "default": false, "description": "the largest size of the same ratio that fits"},)") +
         kInterpolation + R"(
  },
  "required": ["scale"]
})";
}

std::string resize_edge_schema() {
  return std::string(R"({
  "type": "object",
  "description": "one edge to a length, the other in proportion",
  "properties": {
    "type": {"type": "string"},
    "scale": {"type": "integer", "minimum": 1, "maximum": 65535, "description": "pixels"},
    "edge": {"type": "string", "enum": ["short", "long", "width", "height"], "default": "short", "description": "which edge"},)") +
         kInterpolation + R"(
  },
  "required": ["scale"]
})";
}

constexpr char kCenterCrop[] = R"({
  "type": "object",
  "description": "the centre, or all of a side that is shorter",
  "properties": {
    "type": {"type": "string"},
    "crop_size": {"type": ["integer", "array"], "minimum": 1, "maximum": 65535, "items": {"type": "integer", "minimum": 1, "maximum": 65535}, "minItems": 2, "maxItems": 2, "description": "pixels, or [width, height] as in mmcv"}
  },
  "required": ["crop_size"]
})";

constexpr char kRandomCrop[] = R"({
  "type": "object",
  "description": "a window at a random place, after padding",
  "properties": {
    "type": {"type": "string"},
    "size": {"type": ["integer", "array"], "minimum": 1, "maximum": 65535, "items": {"type": "integer", "minimum": 1, "maximum": 65535}, "minItems": 2, "maxItems": 2, "description": "pixels, or [height, width]"},
    "padding": {"type": ["integer", "array", "null"], "minimum": 0, "maximum": 65535, "items": {"type": "integer", "minimum": 0, "maximum": 65535}, "minItems": 2, "maxItems": 4, "description": "pixels on all sides, [left and right, top and bottom], or [left, top, right, bottom]"},
    "pad_if_needed": {"type": "boolean", "default": false, "description": "pad pictures that are smaller than size"},
    "pad_val": {"type": "integer", "minimum": 0, "maximum": 255, "default": 0, "description": "value of constant padding"},
    "padding_mode": {"type": "string", "enum": ["constant", "edge", "reflect", "symmetric"], "default": "constant", "description": "what padding is filled with, as in torchvision"}
  },
  "required": ["size"]
})";

constexpr char kRandomFlip[] = R"({
  "type": "object",
  "description": "mirrors the picture",
  "properties": {
    "type": {"type": "string"},
    "prob": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.5, "description": "how often"},
    "direction": {"type": ["string", "array"], "items": {"type": "string", "enum": ["horizontal", "vertical", "diagonal"]}, "minItems": 1, "default": "horizontal", "description": "horizontal, vertical or diagonal, or several that are equally likely"}
  }
})";

constexpr char kMultiView[] = R"({
  "type": "object",
  "description": "several views of one picture, each through a pipeline of its own",
  "properties": {
    "type": {"type": "string"},
    "num_views": {"type": ["integer", "array"], "minimum": 1, "maximum": 1000, "items": {"type": "integer", "minimum": 1, "maximum": 1000}, "minItems": 1, "description": "views through each pipeline"},
    "transforms": {"type": "array", "minItems": 1, "items": {"type": "array", "items": {"type": "object", "x-ssp-component": "transform"}}, "description": "the pipelines"}
  },
  "required": ["num_views", "transforms"]
})";

constexpr char kRandomApply[] = R"({
  "type": "object",
  "description": "all of its transforms, or none",
  "properties": {
    "type": {"type": "string"},
    "transforms": {"type": "array", "items": {"type": "object", "x-ssp-component": "transform"}, "description": "in order"},
    "prob": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.5, "description": "how often"}
  },
  "required": ["transforms"]
})";

struct Types {
  std::vector<std::string_view> names;
  std::map<std::string_view, std::string> schemas;

  Types(std::initializer_list<std::pair<std::string_view, std::string>> entries) {
    for (const auto& [name, schema] : entries) {
      names.push_back(name);
      schemas.emplace(name, schema);
    }
  }
  std::string_view schema(std::string_view name) const {
    const auto found = schemas.find(name);
    return found == schemas.end() ? std::string_view() : found->second;
  }
};

const Types& transforms() {
  static const Types types{{"LoadImageFromFile", kLoad},  {"RandomResizedCrop", random_resized_crop_schema()},
                           {"Resize", resize_schema()},   {"ResizeEdge", resize_edge_schema()},
                           {"CenterCrop", kCenterCrop},   {"RandomCrop", kRandomCrop},
                           {"RandomFlip", kRandomFlip},   {"MultiView", kMultiView},
                           {"RandomApply", kRandomApply}, {"PackSelfSupInputs", kPack}};
  return types;
}

}  // namespace

std::span<const std::string_view> transform_types() { return transforms().names; }
std::string_view transform_schema(std::string_view type) { return transforms().schema(type); }

}  // namespace selfsup::data
