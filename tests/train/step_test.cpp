#include "train/step.h"

#include <ATen/ATen.h>
#include <catch2/catch.hpp>

#include "ssp/sink.h"
#include "toy_run.h"

namespace selfsup::train {
namespace {

using test::Run;
using test::Setup;

// One step of SGD with rate 1 moves each value by its gradient.
Setup one_step() {
  return {.images = 4,
          .batch_size = 2,
          .max_iters = 2,
          .accumulative_counts = 2,
          .optimizer = R"({"type": "SGD", "lr": 1})",
          .log_interval = 1};
}

double scalar(const report::TrainPoint& point, const std::string& name) {
  for (const auto& [key, value] : point.scalars)
    if (key == name) return value;
  return -1;
}

}  // namespace

TEST_CASE("between backward and optimizer the gradients are in place, unscaled and not clipped, and may be changed") {
  for (const bool scaled : {false, true}) {
    INFO(scaled);
    Setup setup = one_step();
    setup.scaled = scaled;
    Run plain(setup);
    plain.remember();
    plain.go();
    const at::Tensor step = -plain.moves();  // weight, bias, and the frozen table

    setup.clip = R"({"type": "norm", "max_norm": 0.001, "norm_type": 2})";
    Run changed(setup);
    changed.remember();
    int64_t times = 0;
    changed.task.at_gradients = [&](const bridge::Step& at) -> std::vector<bridge::NamedTensor> {
      times += 1;
      CHECK(at.micro + 1 == at.micros);
      const at::Tensor weight = changed.store.find("weight")->tensor.grad();
      CHECK(at::allclose(weight.flatten(), step.slice(0, 0, weight.numel()), 1e-5, 1e-6));
      weight.zero_();
      return {{"seen", at::tensor(7.f), SSP_EMIT_METRIC}};
    };
    changed.go();
    CHECK(times == 1);  // once a step, not once a batch
    const at::Tensor moved = changed.moves(), weight = changed.store.find("weight")->tensor;
    CHECK(moved.slice(0, 0, weight.numel()).abs().max().item<double>() == 0);
    CHECK(moved.norm().item<double>() == Approx(0.001).epsilon(0.01));  // the bias alone, clipped afterwards
    CHECK(scalar(changed.outside.points.back(), "seen") == 7);
  }
}

TEST_CASE("a step tells who watches what it is doing, and with which batch") {
  Setup setup = one_step();
  Run run(setup);
  using distributed::Phase;
  int64_t forwards = 0;
  uint64_t begun = 0;
  run.task.at_event = [&](bridge::Event event) {
    if (event == bridge::Event::epoch_begin) begun = run.progress.seen().count;
  };
  run.task.bad_iter = 1;
  run.task.before_bad = [&] {
    forwards += 1;
    CHECK(run.progress.seen().phase == Phase::forward);
    CHECK(run.progress.seen().iter == 1);
    // Data, forward, backward, reading and line of the first batch; data and forward of this one.
    CHECK(run.progress.seen().count == begun + 7);
  };
  CHECK_THROWS_AS(run.go(), Error);  // its loss is not finite
  CHECK(forwards == 1);
}

TEST_CASE("while an event runs, who watches is told which") {
  Run run({.images = 4, .batch_size = 2, .max_epochs = 1, .accumulative_counts = 2});
  using distributed::Phase;
  std::vector<std::pair<Phase, int64_t>> seen;
  const auto look = [&] { seen.emplace_back(run.progress.seen().phase, run.progress.seen().iter); };
  run.task.at_event = [&](bridge::Event) { look(); };
  run.task.at_gradients = [](const bridge::Step&) { return std::vector<bridge::NamedTensor>(); };
  run.go();
  const std::vector<std::pair<Phase, int64_t>> want = {{Phase::ready, 0},     {Phase::epoch_begin, 0},
                                                       {Phase::gradients, 1}, {Phase::updated, 2},
                                                       {Phase::epoch_end, 2}, {Phase::over, 2}};
  CHECK((seen == want));
}

TEST_CASE("metrics of events are logged with the step that they belong to, once, after the losses") {
  Run run({.images = 4, .batch_size = 2, .max_epochs = 2, .log_interval = 1});
  run.task.tells_events = true;
  run.go();
  REQUIRE(run.outside.points.size() == 4);
  const auto& points = run.outside.points;
  CHECK(points[0].scalars.front().first == "loss");
  CHECK(scalar(points[0], "ready") == 0);
  for (const size_t i : {0, 1, 2, 3}) CHECK(scalar(points[i], "updated") == static_cast<double>(i + 1));
  CHECK(scalar(points[0], "end") == -1);
  CHECK(scalar(points[1], "end") == 2);
  CHECK(scalar(points[1], "ready") == -1);
  CHECK(scalar(points[2], "end") == -1);
  CHECK(scalar(points[2], "begin") == 2);
  CHECK(scalar(points[3], "begin") == -1);
  CHECK(scalar(points[3], "end") == 4);
}

}  // namespace selfsup::train
