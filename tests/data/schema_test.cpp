// The schemas of the built-in types, under the checker that uses them.
#include <catch2/catch.hpp>
#include <map>

#include "config/schema.h"
#include "data/datasets/dataset.h"
#include "data/support/support.h"
#include "data/transforms/pipeline.h"

namespace selfsup::data {
namespace {

using Catch::Matchers::Contains;

std::vector<config::Problem> problems_of(Json& value) {
  std::map<std::string, Json, std::less<>> schemas;
  for (const DatasetType& type : dataset_types())
    for (const std::string_view name : type.names) schemas.emplace(name, type.schema);
  for (const TransformType& type : transform_types())
    for (const std::string_view name : type.names) schemas.emplace(name, type.schema);
  const config::ComponentSchemas components{[&](std::string_view, std::string_view type) {
                                              const auto found = schemas.find(type.empty() ? "image_folder" : type);
                                              return found == schemas.end() ? nullptr : &found->second;
                                            },
                                            [&](std::string_view) { return std::vector<std::string>{}; }};
  const Json schema = config::parse_schema(R"({"type": "object", "properties": {
    "dataset": {"type": "object", "x-ssp-component": "dataset"},
    "pipeline": {"type": "array", "items": {"type": "object", "x-ssp-component": "transform"}}}})",
                                           "test");
  return config::validate(value, schema, "", components);
}

Json parse(const std::string& text) { return parse_json(text, "test.json", "test"); }

}  // namespace

TEST_CASE("MMSelfSup's specifications pass, and build with the defaults that were filled in") {
  Json value = parse(R"({
    "dataset": {"type": "mmcls.ImageNet", "data_root": "data/imagenet/", "ann_file": "meta/train.txt",
                "data_prefix": {"img_path": "train/"}},
    "pipeline": [
      {"type": "LoadImageFromFile", "file_client_args": {"backend": "disk"}},
      {"type": "RandomResizedCrop", "size": 224, "scale": [0.2, 1.0], "backend": "pillow", "interpolation": "bicubic"},
      {"type": "RandomFlip", "prob": 0.5},
      {"type": "MultiView", "num_views": 2, "transforms": [[
        {"type": "RandomResizedCrop", "size": [96, 96], "backend": "pillow"},
        {"type": "RandomApply", "transforms": [{"type": "RandomFlip", "direction": ["vertical"]}], "prob": 0.8}]]},
      {"type": "RandomCrop", "size": 28, "padding": 2},
      {"type": "Resize", "scale": [28, 28]},
      {"type": "ResizeEdge", "scale": 28, "edge": "short"},
      {"type": "CenterCrop", "crop_size": 28},
      {"type": "PackSelfSupInputs", "meta_keys": ["img_path"]}]})");
  for (const config::Problem& problem : problems_of(value)) FAIL_CHECK(problem.path << ": " << problem.text);
  const Pipeline pipeline(value.get("pipeline"));
  CHECK(pipeline.output_shapes(test::gradient(300, 400, 3)) == std::vector<ImageShape>{{28, 28, 3}, {28, 28, 3}});
}

TEST_CASE("datasets pass, and are made with the defaults that were filled in") {
  Json value = parse(R"({"dataset": {"type": "shapes", "size": 10, "image_size": 32}})");
  CHECK(problems_of(value).empty());
  CHECK(make_dataset(value.get("dataset"))->size() == 10);
  for (const char* text :
       {R"({"data_root": "x"})", R"({"type": "idx", "images": "a", "labels": "b"})",
        R"({"type": "idx", "data_root": "a", "split": "test"})", R"({"type": "image_list", "ann_file": "a"})",
        R"({"type": "image_folder", "data_root": "x", "with_label": false, "channels": 1, "data_prefix": "y"})"}) {
    INFO(text);
    Json one = parse(R"({"dataset": )" + std::string(text) + "}");
    CHECK(problems_of(one).empty());
  }
}

TEST_CASE("wrong values are found by the schema") {
  const auto first = [](const std::string& text) {
    Json value = parse(text);
    const std::vector<config::Problem> problems = problems_of(value);
    return problems.empty() ? std::string() : problems[0].path + ": " + problems[0].text;
  };
  CHECK_THAT(first(R"({"dataset": {"data_rot": "x"}})"), Contains("data_root"));
  CHECK_THAT(first(R"({"dataset": {"type": "shapes", "size": 0, "image_size": 32}})"), Contains("dataset.size"));
  CHECK_THAT(first(R"({"dataset": {"type": "idx", "split": "val"}})"), Contains("dataset.split"));
  CHECK_THAT(first(R"({"dataset": {"data_root": "x", "channels": 2}})"), Contains("dataset.channels"));
  const auto transform = [&](const std::string& text) { return first(R"({"pipeline": [)" + text + "]}"); };
  CHECK_THAT(transform(R"({"type": "RandomResizedCrop", "sise": 3})"), Contains("size"));
  CHECK_THAT(transform(R"({"type": "RandomResizedCrop", "size": 0})"), Contains("pipeline.0.size"));
  CHECK_THAT(transform(R"({"type": "RandomResizedCrop", "size": [1, 2, 3]})"), Contains("pipeline.0.size"));
  CHECK_THAT(transform(R"({"type": "RandomResizedCrop", "size": 3, "backend": "cv2"})"), Contains("backend"));
  CHECK_THAT(transform(R"({"type": "RandomFlip", "prob": 1.5})"), Contains("pipeline.0.prob"));
  CHECK_THAT(transform(R"({"type": "RandomFlip", "direction": ["up"]})"), Contains("direction"));
  CHECK_THAT(transform(R"({"type": "MultiView", "num_views": 1, "transforms": [[{"type": "RandomFlip", "p": 1}]]})"),
             Contains("pipeline.0.transforms.0.0.p"));
}

}  // namespace selfsup::data
