// One step of a momentum teacher that was written on the C++ layer: what reaches its queue, what reaches its gradients.
// tests/scripts/momentum_test.sh trains it.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <catch2/catch.hpp>

#include "support/fixture.h"

using namespace selfsup;

TEST_CASE("momentum contrast: the teacher gives the keys, the student gets the gradients") {
  selfsup::testing::registry().load(SELFSUP_BINARY_DIR "/tests/plugins/sdk_momentum_contrast.so");
  bridge::Facts facts;
  facts.image_size = 8;
  facts.channels = 3;
  selfsup::testing::Model model(parse_json(R"({
    "type": "MomentumContrast", "dim": 16, "queue_len": 8,
    "backbone": {
      "type": "VisionTransformer", "img_size": 8, "patch_size": 4,
      "arch": {"embed_dims": 16, "num_layers": 1, "num_heads": 2, "feedforward_channels": 32}
    }
  })",
                                           "test", "file"),
                                facts);
  model.store.initialise(1);
  model.algorithm.on_event({}, bridge::Event::ready);

  bridge::StepBatch batch;
  batch.views = {at::randn({4, 3, 8, 8}), at::randn({4, 3, 8, 8})};
  batch.sample_index = at::arange(4);
  batch.fields = {{"gain", 0, at::rand({4})}, {"gain", 1, at::rand({4})}};
  const auto feature = [&](const char* name, int view) {
    return model.algorithm.features({}, batch.views[view], std::vector<std::string>{name}).at(0).value;
  };
  CHECK(at::equal(feature("key", 1), feature("query", 1)));
  for (const model::Entry* e : model.store.trained()) {
    const at::NoGradGuard no_grad;
    e->tensor.add_(at::randn_like(e->tensor), 0.1);
  }
  const at::Tensor keys = feature("key", 1), queue = model.store.find("queue")->tensor, before = queue.clone();
  CHECK_FALSE(at::allclose(keys, feature("query", 1), 0, 1e-2));

  const auto out = model.algorithm.training_step({}, batch);
  CHECK(at::allclose(queue.narrow(0, 0, 4), keys, 1e-5, 1e-6));
  CHECK(at::equal(queue.narrow(0, 4, 4), before.narrow(0, 4, 4)));
  out.at(0).value.backward();
  for (const model::Entry& e : model.store.entries()) {
    INFO(e.name);
    CHECK(e.tensor.grad().defined() == (e.kind == model::Kind::parameter));
    CHECK_FALSE((e.name.starts_with("teacher.") && e.tensor.requires_grad()));
  }
}
