// What simclr.so does with a configuration: names, features, defaults, refusals.
#include <ATen/ATen.h>

#include <catch2/catch.hpp>
#include <set>

#include "base/errors.h"
#include "config/schema.h"
#include "ssp/params.h"
#include "support/fixture.h"

using namespace selfsup;
using Catch::Matchers::Contains;
using selfsup::testing::Model;

namespace {

const plugin::Registry& registry() {
  const plugin::Registry& all = selfsup::testing::registry();
  all.load(SELFSUP_BINARY_DIR "/lib/selfsup/plugins/simclr.so");
  return all;
}

Json small(const std::string& neck = "{}") {
  registry();
  return selfsup::testing::resolved(parse_json(R"({"type": "SimCLR",
    "backbone": {"type": "ResNet", "depth": 18, "stem": "small", "stem_channels": 4, "base_channels": 4, "stage_blocks": [1, 1]},
    "neck": )" + neck + "}",
                                               "test", "file"));
}

bridge::Facts facts_of(int64_t views = 2) {
  bridge::Facts facts;
  facts.image_size = 16;
  facts.channels = 3;
  facts.world = 1;
  facts.batch_size = facts.global_batch = 4;
  facts.views = views;
  for (int64_t v = 0; v < views; ++v) facts.view_sizes.insert(facts.view_sizes.end(), {16, 16});
  return facts;
}

bridge::StepBatch batch_of(int64_t images, int64_t channels, int64_t size) {
  bridge::StepBatch batch;
  batch.views = {at::randn({images, channels, size, size}), at::randn({images, channels, size, size})};
  batch.sample_index = at::arange(images);
  return batch;
}

std::set<std::string> names_of(const Model& model, const std::string& prefix) {
  std::set<std::string> names;
  for (const model::Entry& e : model.store.entries())
    if (e.name.starts_with(prefix)) names.insert(e.name.substr(prefix.size()));
  return names;
}

void refused(const Json& config, const bridge::Facts& facts, const std::string& first, const std::string& second) {
  try {
    const Model model(config, facts);
    FAIL("not refused: " << first);
  } catch (const Error& e) {
    CHECK(e.exit() == Exit::usage);
    CHECK_THAT(e.what(), Contains(first) && Contains(second));
  }
}

Json defaults(const bridge::Facts& facts) {
  return bridge::algorithm_defaults(registry().find(SSP_KIND_ALGORITHM, "SimCLR"), facts);
}

}  // namespace

TEST_CASE("SimCLR: the projection has MMSelfSup's names and switches") {
  const std::set<std::string> norm = {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"};
  const auto with = [&](std::set<std::string> names, const std::string& bn, bool affine = true) {
    for (const std::string& part : norm)
      if (affine || (part != "weight" && part != "bias")) names.insert(bn + "." + part);
    return names;
  };
  const Model plain(small(), facts_of());
  CHECK(names_of(plain, "neck.") == with(with({"fc0.weight", "fc1.weight"}, "bn0"), "bn1"));
  CHECK(plain.store.entries().front().name.starts_with("backbone."));
  CHECK(names_of(Model(small(R"({"with_bias": true, "with_last_bias": true, "with_last_bn": false})"), facts_of()),
                 "neck.") == with({"fc0.weight", "fc0.bias", "fc1.weight", "fc1.bias"}, "bn0"));
  CHECK(names_of(Model(small(R"({"num_layers": 3, "with_last_bn_affine": false})"), facts_of()), "neck.") ==
        with(with(with({"fc0.weight", "fc1.weight", "fc2.weight"}, "bn0"), "bn1"), "bn2", false));
  CHECK(names_of(Model(small(R"({"num_layers": 1, "hid_channels": 8, "out_channels": 8})"), facts_of()), "neck.") ==
        with({"fc0.weight"}, "bn0"));

  Model sizes(small(R"({"in_channels": 8, "hid_channels": 6, "out_channels": 5})"), facts_of());
  CHECK(sizes.store.find("neck.fc0.weight")->tensor.sizes().vec() == std::vector<int64_t>{6, 8});
  CHECK(sizes.store.find("neck.fc1.weight")->tensor.sizes().vec() == std::vector<int64_t>{5, 6});
  CHECK(sizes.store.find("neck.bn1.weight")->roles == (SSP_ROLE_NORM | SSP_ROLE_LARS_EXCLUDE));
  // Without pooling the map's 8 channels at 4 x 4 places go in as they are.
  Model flat(small(R"({"with_avg_pool": false})"), facts_of());
  CHECK(flat.store.find("neck.fc0.weight")->tensor.size(1) == 8 * 4 * 4);
  flat.store.initialise(0);
  CHECK(flat.algorithm.training_step({}, batch_of(4, 3, 16)).at(0).value.isfinite().item<bool>());
}

TEST_CASE("SimCLR: features by name, running statistics move in training, and rest in features") {
  Model model(small(R"({"out_channels": 5})"), facts_of());
  model.store.initialise(3);
  const at::Tensor images = at::randn({3, 3, 16, 16});
  bridge::Step step;
  step.mode = bridge::Mode::eval;
  const auto by_default = model.algorithm.features(step, images);
  REQUIRE(by_default.size() == 1);
  CHECK(by_default[0].name == "backbone");
  CHECK(by_default[0].value.sizes().vec() == std::vector<int64_t>{3, 8});
  CHECK_FALSE(by_default[0].value.requires_grad());
  const auto all = model.algorithm.features(step, images, std::vector<std::string>{"neck", "backbone"});
  REQUIRE(all.size() == 2);
  CHECK(all[0].value.sizes().vec() == std::vector<int64_t>{3, 5});
  CHECK(at::equal(all[1].value, by_default[0].value));
  const auto one = model.algorithm.features(step, images.narrow(0, 1, 1));  // no batch statistics
  CHECK(at::allclose(one[0].value, by_default[0].value.narrow(0, 1, 1), 1e-5, 1e-6));
  CHECK_THROWS_WITH(model.algorithm.features(step, images, std::vector<std::string>{"nek"}),
                    Contains("backbone, neck"));

  const at::Tensor mean = model.store.find("neck.bn0.running_mean")->tensor;
  CHECK(mean.abs().max().item<double>() == 0);
  model.algorithm.training_step({}, batch_of(4, 3, 16));
  CHECK(mean.abs().max().item<double>() > 0);
  CHECK(model.store.find("neck.bn0.num_batches_tracked")->tensor.item<int64_t>() == 1);  // both views in one batch
}

TEST_CASE("SimCLR: every parameter gets a gradient") {
  Model model(small(), facts_of());
  model.store.initialise(1);
  const auto out = model.algorithm.training_step({}, batch_of(4, 3, 16));
  REQUIRE(out.size() == 2);
  CHECK(out[0].name == "loss");
  CHECK(out[1].name == "top1");
  CHECK(out[1].flags == SSP_EMIT_METRIC);
  out[0].value.backward();
  for (const model::Entry* e : model.store.trained()) {
    INFO(e->name);
    CHECK(e->tensor.grad().defined());
  }
}

TEST_CASE("SimCLR: a backbone whose main layer is a vector serves too") {
  registry();
  Model model(
      parse_json(R"({"type": "SimCLR", "backbone": {"type": "VisionTransformer", "img_size": 16, "patch_size": 8,
      "arch": {"embed_dims": 16, "num_layers": 1, "num_heads": 2, "feedforward_channels": 32}}})",
                 "test", "file"),
      facts_of());
  model.store.initialise(1);
  CHECK(model.algorithm.training_step({}, batch_of(4, 3, 16)).at(0).value.isfinite().item<bool>());
  CHECK(model.algorithm.features({}, at::randn({2, 3, 16, 16}))[0].value.sizes().vec() == std::vector<int64_t>{2, 16});
}

TEST_CASE("SimCLR: what cannot be is refused at the start, with the key") {
  refused(small(), facts_of(1), "1 view of an image", "\"num_views\": 2");
  refused(small(), facts_of(3), "3 views of an image", "train_dataloader.dataset.pipeline");
  bridge::Facts facts = facts_of();
  facts.view_sizes = {16, 16, 16, 12};
  refused(small(), facts, "16 x 16 and 16 x 12", "train_dataloader.dataset.pipeline");
  facts = facts_of();
  facts.batch_size = facts.global_batch = 1;
  refused(small(), facts, "`train_dataloader.batch_size` is 1", "at least 2");
  facts.world = 2;  // two images, of two ranks
  CHECK_NOTHROW(Model(small(), facts));

  facts = facts_of();
  facts.dataset_length = 9;
  facts.epoch_iters = 3;
  facts.max_iters = 30;
  refused(small(), facts, "9 images in batches of 4", "`train_dataloader.drop_last`");
  facts.max_iters = 3;  // the last one is a batch of 1
  refused(small(), facts, "the last batch of an epoch has 1 image", "batch_size");
  facts.max_iters = 2;  // it never comes
  CHECK_NOTHROW(Model(small(), facts));
  facts.max_iters = 30;
  facts.drop_last = true;
  CHECK_NOTHROW(Model(small(), facts));
  facts.drop_last = false;
  facts.dataset_length = 10;
  CHECK_NOTHROW(Model(small(), facts));

  refused(small(R"({"in_channels": 9})"), facts_of(), "`neck.in_channels` is 9", "has 8 channels");
  refused(small(R"({"num_layers": 1, "hid_channels": 4})"), facts_of(), "neck.num_layers", "out_channels");
}

TEST_CASE("SimCLR: defaults make a model that trains on the images they are for") {
  for (const int64_t size : {8, 12, 28, 33, 95}) {
    for (const int64_t channels : {1, 3}) {
      INFO("images of " << size << ", channels " << channels);
      bridge::Facts facts = facts_of();
      facts.view_sizes.clear();  // the user states no pipeline
      facts.image_size = size;
      facts.channels = channels;
      facts.max_epochs = 3;
      const Json all = defaults(facts);
      const Json& view = all.at_path("train_dataloader.pipeline.0.transforms.0")->as_array()[0];
      REQUIRE(view.get("type").as_string() == "RandomResizedCrop");
      REQUIRE(view.get("size").as_int() == size);
      facts.view_sizes = {size, size, size, size};
      Model model(selfsup::testing::resolved(all.get("model")), facts);
      model.store.initialise(1);
      const auto out = model.algorithm.training_step({}, batch_of(3, channels, size));
      CHECK(std::isfinite(out.at(0).value.item<double>()));
    }
  }
}

TEST_CASE("SimCLR: defaults go by the views that the user's pipeline gives, square or not") {
  bridge::Facts facts = facts_of();
  facts.image_size = 224;  // of the data set
  facts.view_sizes = {32, 40, 32, 40};
  CHECK(defaults(facts).at_path("model.backbone.stem")->as_string() == "small");
  facts.view_sizes = {200, 240, 200, 240};
  CHECK(defaults(facts).at_path("model.backbone.depth")->as_int() == 50);
}

TEST_CASE("SimCLR: photos get MMSelfSup's recipe, its rate by the images of an update") {
  bridge::Facts facts;
  facts.batch_size = 32;
  facts.world = 8;
  facts.micros = 2;
  const Json all = defaults(facts);
  CHECK(all.at_path("model.backbone.depth")->as_int() == 50);
  CHECK(all.at_path("optim_wrapper.optimizer.type")->as_string() == "LARS");
  CHECK(all.at_path("optim_wrapper.optimizer.lr")->as_double() == Approx(0.6));
  CHECK(all.at_path("train_dataloader.pipeline.0.transforms.0")->as_array()[0].get("size").as_int() == 224);
  CHECK(all.at_path("param_scheduler.0.end")->as_int() == 10);
  CHECK(all.at_path("param_scheduler.1.end")->as_int() == 200);
}

TEST_CASE("SimCLR: default schedules cover the run without a gap, and have no warm-up of one step") {
  for (const bool by_epoch : {false, true}) {
    for (const int64_t length : {1, 2, 10, 29, 30, 40, 1500}) {
      INFO((by_epoch ? "epochs " : "iterations ") << length);
      bridge::Facts facts;
      facts.image_size = 28;
      (by_epoch ? facts.max_epochs : facts.max_iters) = length;
      const Json all = defaults(facts);
      int64_t at = 0;
      for (const Json& s : all.get("param_scheduler").as_array()) {
        CHECK(s.get("by_epoch").as_bool() == by_epoch);
        CHECK(s.get("begin").as_int() == at);
        at = s.get("end").as_int();
        if (s.get("type").as_string() == "LinearLR") CHECK(at >= 2);
      }
      CHECK(at == length);
    }
  }
}

TEST_CASE("SimCLR's schema is JSON and describes every key") {
  const Json schema = bridge::component_schema(registry().find(SSP_KIND_ALGORITHM, "SimCLR"));
  for (const auto& [key, property] : schema.get("properties").as_object()) {
    INFO(key);
    if (key != "type") CHECK(!property.get("description").as_string().empty());
  }
}
