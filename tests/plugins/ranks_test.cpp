// A plugin that uses what the host offers to several ranks: with one process, two steps, an event, a save and a load.
#include <ATen/ATen.h>

#include <catch2/catch.hpp>

#include "support/fixture.h"

using namespace selfsup;
using selfsup::testing::Model;

namespace {

double value(const std::vector<bridge::NamedTensor>& all, const std::string& name) {
  for (const auto& t : all)
    if (t.name == name) return t.value.item<double>();
  FAIL("nothing named " << name << " was emitted");
  return 0;
}

}  // namespace

TEST_CASE("one process: collectives are the identity, forward and backward, and state comes back") {
  selfsup::testing::registry().load(SELFSUP_BINARY_DIR "/tests/plugins/sdk_ranks.so");
  const Json config = parse_json(R"({"type": "Ranks"})", "test", "file");
  bridge::StepBatch batch;
  batch.views = {at::randn({4, 3, 2, 2})};
  batch.sample_index = at::arange(4);
  const double mean = batch.views[0].mean().item<double>();
  const auto step_at = [](uint64_t update) {
    bridge::Step step;
    step.iter = step.update = update;
    step.max_iters = step.max_updates = 8;
    return step;
  };

  Model model(config);
  model.store.initialise(0);
  model.algorithm.on_event({}, bridge::Event::ready);
  const at::Tensor scale = model.store.find("scale")->tensor;
  for (uint64_t update : {0, 1}) {
    scale.mutable_grad() = at::Tensor();
    const auto out = model.algorithm.training_step(step_at(update), batch);
    CHECK(value(out, "loss") == Approx(6 * 2 * mean));
    CHECK(value(out, "rank") == 0);
    CHECK(value(out, "world") == 1);
    CHECK(value(out, "progress") == static_cast<double>(update) / 8);
    CHECK(value(out, "steps") == static_cast<double>(update + 1));
    CHECK(value(out, "epochs") == 0);
    out.at(0).value.backward();
    CHECK(scale.grad().item<double>() == Approx(6 * mean));
  }
  model.algorithm.on_event({}, bridge::Event::epoch_end);
  CHECK(model.algorithm.wants(bridge::Event::updated));
  CHECK_FALSE(model.algorithm.wants(bridge::Event::epoch_begin));  // it has not said so
  CHECK_FALSE(model.algorithm.wants(bridge::Event::gradients));

  const auto states = model.algorithm.save_state();
  CHECK(states.size() == 2);
  Model resumed(config);
  resumed.store.initialise(0);
  resumed.algorithm.load_state(states);
  const auto out = resumed.algorithm.training_step(step_at(2), batch);
  CHECK(value(out, "steps") == 3);
  CHECK(value(out, "epochs") == 1);
  auto damaged = states;
  damaged.at(0).bytes.pop_back();
  CHECK_THROWS_WITH(resumed.algorithm.load_state(damaged), Catch::Contains("a saved count is damaged"));
}
