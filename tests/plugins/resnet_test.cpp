// What ResNet of backbones.so does with a configuration and with images: layers and their sizes, initial values, roles,
// running statistics, refusals.
#include <ATen/ATen.h>

#include <catch2/catch.hpp>

#include "base/errors.h"
#include "config/schema.h"
#include "run/component_schemas.h"
#include "ssp/params.h"
#include "support/fixture.h"

using namespace selfsup;
using Catch::Matchers::Contains;
using selfsup::testing::Model;

namespace {

// backbone: what stands beside "type", without braces.
Json configured(const std::string& backbone, const std::string& type = "ResNet") {
  selfsup::testing::registry().load(SELFSUP_BINARY_DIR "/tests/plugins/sdk_backbone_layers.so");
  const std::string text = R"({"type": "BackboneLayers", "backbone": {"type": ")" + type +
                           R"(", "base_channels": 4, "stem_channels": 6, )" + backbone + "}}";
  return selfsup::testing::resolved(parse_json(text, "test", "file"));
}

struct Net : Model {
  explicit Net(const std::string& backbone, const std::string& type = "ResNet") : Model(configured(backbone, type)) {
    store.initialise(1);
    algorithm.on_event({}, bridge::Event::ready);
  }
  at::Tensor layer(const at::Tensor& images, const std::string& name) {
    return algorithm.features({}, images, std::vector<std::string>{name}).at(0).value;
  }
  at::Tensor step(const at::Tensor& images, int64_t width) {
    bridge::StepBatch batch;
    batch.views = {images};
    batch.sample_index = at::arange(images.size(0));
    batch.fields = {{"weights", -1, at::randn({images.size(0), width})}};
    return algorithm.training_step({}, batch).at(0).value;
  }
  at::Tensor operator[](const std::string& name) { return store.find("backbone." + name)->tensor; }
};

void refused(const std::string& backbone, const std::string& first, const std::string& second) {
  CHECK_THROWS_WITH(Net(backbone), Contains(first) && Contains(second));
}

// What the schema says of it.
std::string problem(const std::string& backbone, const std::string& type = "ResNet") {
  Json model = parse_json(R"({"type": ")" + type + "\", " + backbone + "}", "test", "file");
  const Json schema(Json::Object{{"type", "object"}, {"x-ssp-component", SSP_KIND_BACKBONE}});
  const auto problems =
      config::validate(model, schema, "backbone", run::component_schemas(selfsup::testing::registry()));
  return problems.empty() ? "" : problems[0].path + ": " + problems[0].text;
}

}  // namespace

TEST_CASE("ResNet: every stem and stage halves the sides as it says, odd ones rounded up") {
  const auto width_of = [](Net& net, int64_t h, int64_t w, const char* layer) {
    return net.layer(at::randn({2, 3, h, w}), layer).size(1);
  };
  Net imagenet(R"("depth": 18)"), cifar(R"("depth": 18)", "ResNet_CIFAR"), small(R"("depth": 18, "stem": "small")");
  // Features are flat: channels * height * width.
  CHECK(width_of(imagenet, 65, 40, "stem") == 6 * 33 * 20);
  CHECK(width_of(imagenet, 65, 40, "layer1") == 4 * 17 * 10);
  CHECK(width_of(imagenet, 65, 40, "layer4") == 32 * 3 * 2);
  CHECK(width_of(imagenet, 1, 1, "layer4") == 32);
  CHECK(width_of(cifar, 9, 8, "layer1") == 4 * 9 * 8);
  CHECK(width_of(cifar, 9, 8, "layer4") == 32 * 2 * 1);
  CHECK(width_of(small, 9, 8, "layer1") == 4 * 5 * 4);
  CHECK(width_of(small, 9, 8, "mean") == 32);

  Net free(R"("depth": 50, "stage_blocks": [1, 2], "strides": [3, 1], "stem": "cifar")");
  CHECK(width_of(free, 9, 8, "layer2") == 32 * 3 * 3);
  CHECK(free.store.find("backbone.layer2.1.conv3.weight"));
  CHECK_FALSE(free.store.find("backbone.layer3.0.conv1.weight"));
  CHECK_THROWS_WITH(width_of(free, 9, 8, "layer3"),
                    Contains("layer3") && Contains("it has stem, layer1, layer2, mean"));
}

TEST_CASE("ResNet: the main layer is the last one, or the largest of out_indices as MMSelfSup counts") {
  const at::Tensor images = at::randn({2, 3, 16, 16});
  const auto main = [&](Net& net) { return net.algorithm.features({}, images).at(0).value; };
  Net whole(R"("depth": 18, "stem": "small")"), third(R"("depth": 18, "stem": "small", "out_indices": [1, 3])"),
      stem(R"("depth": 18, "stem": "small", "out_indices": [0])");
  CHECK(at::equal(main(whole), whole.layer(images, "layer4")));
  CHECK(at::equal(main(third), third.layer(images, "layer3")));
  CHECK(third.layer(images, "mean").size(1) == 16);
  CHECK(at::equal(main(stem), stem.layer(images, "stem")));
}

TEST_CASE("ResNet: initial values and roles") {
  for (const bool zero : {true, false}) {
    Net net(std::string(R"("depth": 50, "stage_blocks": [2, 1], "zero_init_residual": )") + (zero ? "true" : "false"));
    for (const model::Entry& e : net.store.entries()) {
      INFO(e.name);
      const bool norm = e.name.find("bn") != std::string::npos || e.name.find("downsample.1") != std::string::npos;
      if (!norm) {
        CHECK(e.init.kind == model::InitKind::kaiming_normal);
        CHECK(e.init.a == Approx(std::sqrt(2.0)));
        CHECK(e.init.b == 1);  // fan_out
        CHECK(e.roles == 0);
      } else if (e.kind == model::Kind::parameter) {
        const bool weight = e.name.ends_with("weight"), last = e.name.find(".bn3.") != std::string::npos;
        CHECK(at::equal(e.tensor, at::full_like(e.tensor, weight && !(last && zero) ? 1 : 0)));
        CHECK(e.roles == (SSP_ROLE_NORM | SSP_ROLE_LARS_EXCLUDE));
      }
    }
  }
}

TEST_CASE("ResNet: running statistics move in training alone, and count its forwards") {
  const at::Tensor images = at::randn({4, 3, 16, 16}) + 3;
  Net net(R"("depth": 18, "stem": "small", "norm_cfg": {"momentum": 0.5})");
  const at::Tensor before = net["bn1.running_mean"].clone(), features = net.layer(images, "mean");
  CHECK(at::equal(net["bn1.running_mean"], before));
  CHECK(net["bn1.num_batches_tracked"].item<int64_t>() == 0);
  const double loss = net.step(images, 32).item<double>();
  CHECK(std::isfinite(loss));
  CHECK_FALSE(at::equal(net["bn1.running_mean"], before));
  CHECK(net["layer4.1.bn2.num_batches_tracked"].item<int64_t>() == 1);
  CHECK_FALSE(at::allclose(net.layer(images, "mean"), features));
  // One image by itself: as among others.
  CHECK(at::allclose(net.layer(images.slice(0, 1, 2), "mean"), net.layer(images, "mean").slice(0, 1, 2), 1e-4, 1e-5));
}

TEST_CASE("ResNet: norm_eval trains with running statistics that stay") {
  Net net(R"("depth": 18, "stem": "small", "norm_eval": true)");
  const at::Tensor images = at::randn({1, 3, 16, 16}) + 3, before = net["bn1.running_mean"].clone();
  const at::Tensor loss = net.step(images, 32);
  loss.backward();
  CHECK(at::equal(net["bn1.running_mean"], before));
  CHECK(net["bn1.num_batches_tracked"].item<int64_t>() == 0);
  CHECK(net["bn1.weight"].grad().defined());
}

TEST_CASE("ResNet: a batch statistic of one value, and images of other channels, are refused by name") {
  Net net(R"("depth": 18)");
  CHECK_THROWS_WITH(net.step(at::randn({1, 3, 32, 32}), 32),
                    Contains("layer4") && Contains("1x1") && Contains("larger batch or larger images"));
  CHECK(std::isfinite(net.step(at::randn({1, 3, 33, 32}), 32).item<double>()));
  CHECK(std::isfinite(net.step(at::randn({2, 3, 1, 1}), 32).item<double>()));
  CHECK(net.layer(at::randn({1, 3, 1, 1}), "mean").numel() == 32);  // in eval mode nothing is drawn from the batch
  CHECK_THROWS_WITH(net.layer(at::randn({1, 1, 32, 32}), "mean"), Contains("`in_channels` is 3") && Contains("have 1"));
}

TEST_CASE("ResNet: configurations that cannot be are refused") {
  refused(R"("depth": 18, "stage_blocks": [1, 1], "strides": [1, 2, 2])", "`strides` has 3", "`stage_blocks` 2");
  refused(R"("depth": 18, "stage_blocks": [1], "out_indices": [2])", "`out_indices` must be 0 (the stem) to 1",
          "found 2");
  refused(R"("depth": 18, "init_cfg": [{"type": "Constant", "layer": ["Conv2d"]}])", "`init_cfg.0`",
          "Conv2d cannot begin as Constant");
  Net as_written(
      R"("depth": 18, "norm_cfg": {"type": "SyncBN", "requires_grad": true}, "style": "pytorch",
         "init_cfg": [{"type": "Kaiming", "layer": ["Conv2d"]}, {"type": "Constant", "val": 1, "layer": ["_BatchNorm", "GroupNorm"]}])");
  CHECK(as_written.store.find("backbone.layer4.1.bn2.weight"));

  CHECK_THAT(problem(R"("base_channels": 4)"), Contains("depth"));
  CHECK_THAT(problem(R"("depth": 20)"), Contains("backbone.depth") && Contains("20"));
  CHECK_THAT(problem(R"("depth": 18, "stage_blocks": [])"), Contains("backbone.stage_blocks"));
  CHECK_THAT(problem(R"("depth": 18, "stage_blocks": [0])"), Contains("at least 1"));
  CHECK_THAT(problem(R"("depth": 18, "style": "caffe")"), Contains("caffe"));
  CHECK_THAT(problem(R"("depth": 18, "norm_cfg": {"requires_grad": false})"), Contains("requires_grad"));
  CHECK_THAT(problem(R"("depth": 18, "stem": "imagenet")", "ResNet_CIFAR"), Contains("backbone.stem"));
  CHECK(problem(R"("depth": 152)").empty());
}
