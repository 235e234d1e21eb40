// What a configuration states of the images, before anything is opened.
#include "run/facts.h"

#include <catch2/catch.hpp>

#include "launch/ranks.h"

namespace selfsup::run {
namespace {

const char* const kShapes = R"({"type": "shapes", "size": 8, "image_size": 32})";
const char* const kFolder = R"({"type": "image_folder", "data_root": "nowhere"})";

bridge::Facts facts_of(const std::string& dataset, const std::string& pipeline) {
  std::string text = R"({"train_dataloader": {"dataset": )" + dataset;
  if (!pipeline.empty()) text += R"(, "pipeline": )" + pipeline;
  return stated_facts(parse_json(text + "}}", "test", "file"), launch::Ranks());
}

using Sizes = std::vector<int64_t>;

}  // namespace

TEST_CASE("a stated pipeline says what views it gives, of images of known and of unknown size") {
  struct Case {
    const char *dataset, *pipeline;
    Sizes sizes;
  };
  const Case cases[] = {
      {kFolder,
       R"([{"type": "LoadImageFromFile"}, {"type": "RandomResizedCrop", "size": 100, "scale": [0.2, 1.0]}])",
       {100, 100}},
      {kFolder,
       R"([{"type": "RandomResizedCrop", "size": [96, 160]}, {"type": "RandomFlip", "prob": 0.5}])",
       {96, 160}},
      {kFolder, R"([{"type": "Resize", "scale": [160, 96]}])", {96, 160}},  // mmcv: width first
      {kFolder, R"([{"type": "ResizeEdge", "scale": 64}, {"type": "CenterCrop", "crop_size": 56}])", {56, 56}},
      {kFolder, R"([{"type": "ResizeEdge", "scale": 64}])", {}},          // depends on the image
      {kFolder, R"([{"type": "RandomCrop", "size": 600}])", {600, 600}},  // whatever the images are
      {kFolder, R"([])", {}},
      {kFolder, "", {}},
      {kFolder, R"([{"type": "RandomResizedCrop", "size": 40}, {"type": "SomePlugins", "size": 7}])", {40, 40}},
      {kFolder, R"([{"type": "builtin:RandomResizedCrop", "size": 40}])", {40, 40}},
      {kFolder, R"([{"type": "RandomResizedCrop", "size": -3}])", {}},  // will be refused
      {kFolder, R"([{"type": "RandomResizedCrop", "size": 65535}])", {}},
      {kFolder, R"([3, {"size": 4}, {"type": 5}])", {}},
      {kFolder, R"({"type": "RandomResizedCrop", "size": 40})", {}},
      {kFolder,
       R"([{"type": "MultiView", "num_views": [2, 1], "transforms": [[{"type": "RandomResizedCrop", "size": 40}, {"type": "Gone"}],
           [{"type": "RandomResizedCrop", "size": [8, 16]}]]}])",
       {40, 40, 40, 40, 8, 16}},
      {kShapes, R"([])", {32, 32}},
      {kShapes, R"([{"type": "RandomFlip", "prob": 0.5}])", {32, 32}},
      {kShapes, R"([{"type": "RandomCrop", "size": 30, "padding": 2}])", {30, 30}},
      {kShapes, R"([{"type": "RandomCrop", "size": 60}])", {}},  // larger than the images: will be refused
  };
  for (const Case& c : cases) {
    CAPTURE(c.dataset, c.pipeline);
    const bridge::Facts facts = facts_of(c.dataset, c.pipeline);
    CHECK(facts.view_sizes == c.sizes);
    CHECK(facts.views.value_or(0) == static_cast<int64_t>(c.sizes.size() / 2));
    if (!c.sizes.empty()) CHECK(facts.image_size.has_value() == (c.sizes[0] == c.sizes[1]));
  }
}

TEST_CASE("a dataset's own pipeline is the one that counts, without any, images are the dataset's") {
  const std::string own =
      R"({"type": "shapes", "size": 8, "image_size": 32, "pipeline": [{"type": "RandomCrop", "size": 20}]})";
  CHECK(facts_of(own, R"([{"type": "RandomCrop", "size": 24}])").view_sizes == Sizes{20, 20});
  const bridge::Facts plain = facts_of(kShapes, "");
  CHECK(plain.image_size == 32);
  CHECK(plain.view_sizes.empty());
  CHECK_FALSE(plain.views);
}

}  // namespace selfsup::run
