#include "train/loop.h"

#include <ATen/ATen.h>
#include <catch2/catch.hpp>

#include <algorithm>

#include <cmath>
#include <thread>

#include "toy_run.h"

namespace selfsup::train {
namespace {

using test::difference;
using test::Run;
using test::Setup;

}  // namespace

TEST_CASE("accumulation over k batches equals one batch of k times the size, the partial last group too") {
  // 7 batches of 4 in groups of 3: 12, 12 and 4 images. The same images in the same order as batches of 12 and 4.
  Setup small{.images = 28, .batch_size = 4, .max_epochs = 1, .accumulative_counts = 3, .shuffle = false};
  Setup big{.images = 28, .batch_size = 12, .max_epochs = 1, .accumulative_counts = 1, .shuffle = false};
  Run a(small), b(big);
  CHECK(a.go() == Exit::ok);
  CHECK(b.go() == Exit::ok);
  CHECK(a.loop->course().at().update == 3);
  CHECK(b.loop->course().at().update == 3);
  CHECK(a.loop->course().at().iter == 7);
  for (size_t i = 0; i < a.store.entries().size(); ++i)
    CHECK(at::allclose(a.store.entries()[i].tensor, b.store.entries()[i].tensor, 1e-5, 1e-6));
  const Run untrained(small);
  CHECK(difference(a, untrained).size() == 2);  // weight and bias, not the frozen table
}

TEST_CASE("a group of accumulation goes on over the end of an epoch, and saves wait for it") {
  Run run({.images = 10, .batch_size = 2, .max_epochs = 2, .accumulative_counts = 3});
  CHECK(run.go() == Exit::ok);
  CHECK(run.loop->course().at().update == 4);  // 3, 3, 3 and 1 of 10 batches
  // The first epoch ends at 5, within a group; the run's end is the end of epoch 2.
  CHECK(run.outside.saved == std::vector<std::string>{"iter_6", "epoch_2"});
  CHECK(run.task.micros == std::vector<std::pair<uint32_t, uint32_t>>{
                               {0, 3}, {1, 3}, {2, 3}, {0, 3}, {1, 3}, {2, 3}, {0, 3}, {1, 3}, {2, 3}, {0, 1}});
}

TEST_CASE("a run counted in iterations stops within an epoch") {
  Run run({.images = 10, .batch_size = 2, .max_iters = 7});
  CHECK(run.go() == Exit::ok);
  CHECK(run.loop->course().at() == Position{7, 7, 1, 2});
  CHECK(run.outside.saved == std::vector<std::string>{"iter_5", "iter_7"});  // the end of a pass, and the run's
}

TEST_CASE("events come in their order, with the counters of their place") {
  Run run({.images = 4, .batch_size = 2, .max_epochs = 2});
  run.go();
  const std::vector<std::string> want = {"ready 0", "begin 0",   "updated 1", "updated 2", "end 2",
                                         "begin 2", "updated 3", "updated 4", "end 4",     "over 4"};
  CHECK(run.task.events == want);
}

TEST_CASE("no image of an epoch is read before a task that wants to hear of its beginning has heard of it") {
  for (const bool wants : {true, false}) {
    INFO(wants);
    Run run({.images = 6, .batch_size = 2, .max_epochs = 3, .num_workers = 2});
    run.task.wants_epochs = wants;
    std::vector<int64_t> read;
    run.task.at_event = [&](bridge::Event event) {
      if (event != bridge::Event::epoch_begin) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));  // long work
      read.push_back(run.images_read());
    };
    run.go();
    CHECK((read == std::vector<int64_t>{0, 6, 12}) == wants);
  }
}

TEST_CASE("a loss that is not finite stops the run, named, with its update masked") {
  for (const bool norm_only : {false, true}) {
    INFO(norm_only);
    Run run({.images = 40, .batch_size = 2, .max_epochs = 1, .save_every_iters = 4});
    run.task.bad_iter = 9;
    run.task.bad_gradient_only = norm_only;
    run.task.before_bad = [&] { run.remember(); };
    try {
      run.go();
      FAIL("the run went on");
    } catch (const Error& e) {
      CHECK(e.exit() == Exit::diverged);
      CHECK_THAT(e.what(), Catch::Contains("iteration 10"));
      CHECK_THAT(e.what(), Catch::Contains(norm_only ? "the gradient norm is" : "\"loss_main\""));
      CHECK_THAT(e.what(), Catch::Contains("iter_8"));
    }
    CHECK(run.unchanged_since_remembered());
  }
}

TEST_CASE("parameters that an update of finite gradients has spoiled are never saved or evaluated, and end the run") {
  // 3e38 times a hundred times a weight is no float.
  Setup setup{.images = 8, .batch_size = 2, .max_iters = 2};
  setup.optimizer = R"({"type": "SGD", "lr": 3e38, "weight_decay": 100})";
  for (const char* where : {"a save", "an evaluation", "a line", "the end"}) {
    INFO(where);
    setup.save_every_iters = std::string(where) == "a save" ? 1 : 1000;
    setup.evaluate_every = std::string(where) == "an evaluation" ? 1 : 0;
    setup.log_interval = std::string(where) == "a line" ? 1 : 1000;
    if (std::string(where) == "the end") setup.max_iters = 1;
    Run run(setup);
    try {
      run.go();
      FAIL("the run went on");
    } catch (const Error& e) {
      CHECK(e.exit() == Exit::diverged);
      CHECK_THAT(e.what(), Catch::Contains("by iteration 1 ") && Catch::Contains("parameter \"weight\"") &&
                               Catch::Contains("No checkpoint"));
    }
    CHECK(run.outside.saved.empty());
    CHECK(run.outside.evaluated.empty());
    CHECK(run.outside.points.empty());
    CHECK(std::isfinite(run.task.losses.back()));
  }
}

TEST_CASE("a failing backward names the algorithm and the remedy") {
  Run run({.max_iters = 1});
  run.task.spoils_backward = true;
  try {
    run.go();
    FAIL("the run went on");
  } catch (const Error& e) {
    CHECK(e.exit() == Exit::plugin);
    CHECK_THAT(e.what(), Catch::StartsWith("the algorithm: backward failed: ") && Catch::Contains("clone it"));
  }
}

TEST_CASE("log points carry the rate in force, means of their interval and counts") {
  Run run({.images = 8,
           .batch_size = 2,
           .max_epochs = 1,
           .schedule = R"([{"type": "LinearLR", "start_factor": 0.5,
           "by_epoch": false, "end": 5}])",
           .log_interval = 2});
  run.go();
  REQUIRE(run.outside.points.size() == 2);
  const report::TrainPoint& point = run.outside.points[1];
  CHECK(point.iter == 4);
  CHECK(point.epoch_iter == 4);
  CHECK(point.epoch_iters == 4);
  CHECK(point.rates.at(0).second == Approx(0.01 * 0.875));
  CHECK(point.scalars.at(0).first == "loss");
  CHECK(point.scalars.at(0).second == Approx((run.task.losses.at(2) + run.task.losses.at(3)) / 2));
}

TEST_CASE("gradients are clipped as asked, with a loss scaler and without") {
  const double limit = 0.001;
  for (const bool scaled : {false, true}) {
    // One step of SGD with rate 1 moves each value by its gradient.
    const auto moved = [&](const char* clip) {
      Setup setup{.images = 2, .batch_size = 2, .max_iters = 1, .optimizer = R"({"type": "SGD", "lr": 1})"};
      setup.scaled = scaled;
      setup.clip = clip;
      Run run(setup);
      run.remember();
      run.go();
      return run.moves();
    };
    INFO(scaled);
    const at::Tensor free = moved("null"), value = moved(R"({"type": "value", "clip_value": 0.001})"),
                     norm = moved(R"({"type": "norm", "max_norm": 0.001, "norm_type": 2})");
    CHECK(free.abs().max().item<double>() > 2 * limit);
    CHECK(at::allclose(value, free.clamp(-limit, limit), 1e-3, 1e-6));
    CHECK(at::allclose(norm, free * (limit / free.norm().item<double>()), 1e-3, 1e-6));
  }
}

TEST_CASE("a run counted in epochs ends by epochs, also when they have another length than before") {
  const std::string schedule = R"([{"type": "LinearLR", "start_factor": 0.25, "by_epoch": false, "end": 12}])";
  // Four of six epochs are done, of 4 batches each.
  Run larger({.images = 8, .batch_size = 4, .max_epochs = 6, .schedule = schedule, .log_interval = 1});
  REQUIRE(larger.go({16, 16, 4, 0}, "epoch_4") == Exit::ok);
  CHECK(larger.loop->course().at() == Position{20, 20, 6, 0});
  CHECK(larger.outside.saved == std::vector<std::string>{"epoch_5", "epoch_6"});
  CHECK(larger.outside.points.at(0).max_iters == 20);
  // The schedule knows epochs of 2 batches: the ninth iteration of twelve is the first.
  Run whole({.images = 8, .batch_size = 4, .max_epochs = 6, .schedule = schedule, .log_interval = 1});
  whole.go();
  for (size_t i = 0; i < 4; ++i) CHECK(larger.outside.points.at(i).rates == whole.outside.points.at(8 + i).rates);

  Run more_images({.images = 10, .batch_size = 2, .max_epochs = 3});
  REQUIRE(more_images.go({8, 8, 2, 0}, "epoch_2") == Exit::ok);
  CHECK(more_images.loop->course().at() == Position{13, 13, 3, 0});
  CHECK(more_images.outside.saved == std::vector<std::string>{"epoch_3"});
}

TEST_CASE("a run that ended within a group of accumulation goes on with a whole group") {
  Run run({.images = 10, .batch_size = 2, .max_epochs = 3, .accumulative_counts = 3});
  REQUIRE(run.go({10, 4, 2, 0}, "epoch_2") == Exit::ok);
  CHECK(run.task.micros == std::vector<std::pair<uint32_t, uint32_t>>{{0, 3}, {1, 3}, {2, 3}, {0, 2}, {1, 2}});
}

TEST_CASE("a stop that is asked for in the last iteration is granted, and what was done is saved") {
  Run run({.images = 8, .batch_size = 2, .max_iters = 6, .save_every_iters = 4});
  run.outside.stop_at = 6;
  CHECK(run.go() == Exit::preempted);
  CHECK(run.outside.saved == std::vector<std::string>{"iter_4", "iter_6"});
}

TEST_CASE("a run that goes on from an older checkpoint is saved once, also when nothing is left to do") {
  for (const bool changes : {true, false}) {
    INFO(changes);
    Run run({.images = 8, .batch_size = 2, .max_epochs = 2, .changes_course = changes});
    CHECK(run.go({8, 8, 2, 0}, "epoch_2") == Exit::ok);
    CHECK(run.outside.saved == (changes ? std::vector<std::string>{"epoch_2"} : std::vector<std::string>{}));
    Run more({.images = 8, .batch_size = 2, .max_epochs = 3, .changes_course = changes});
    CHECK(more.go({8, 8, 2, 0}, "epoch_2") == Exit::ok);
    CHECK(more.outside.saved == std::vector<std::string>{"epoch_3"});
  }
}

TEST_CASE("an epoch whose beginning had been told before a save is not begun again") {
  Run run({.images = 8, .batch_size = 2, .max_epochs = 3});
  CHECK(run.go({4, 4, 1, 0, /*epoch_told=*/true}, "epoch_1") == Exit::ok);
  CHECK(std::ranges::count(run.task.events, "begin 4") == 0);
  CHECK(std::ranges::count(run.task.events, "begin 8") == 1);
  CHECK_FALSE(run.loop->course().at().epoch_told);
}

TEST_CASE("an evaluation is due once, wherever the run was stopped") {
  for (const Setup& setup : {Setup{.images = 4, .batch_size = 2, .max_epochs = 4, .evaluate_every = 1},
                             Setup{.images = 20, .batch_size = 2, .max_iters = 8, .evaluate_every = 2}}) {
    INFO(setup.max_epochs);
    for (const int64_t stop_at : {1, 2, 3, 4, 8}) {
      INFO("stopped at " << stop_at);
      Run first(setup), second(setup);
      first.outside.stop_at = stop_at;
      CHECK(first.go() == Exit::preempted);
      CHECK(second.go(first.loop->course().at(), "a") == Exit::ok);
      std::vector<int64_t> all = first.outside.evaluated;
      all.insert(all.end(), second.outside.evaluated.begin(), second.outside.evaluated.end());
      CHECK(all == std::vector<int64_t>{2, 4, 6});  // the last is the caller's
    }
  }
}

TEST_CASE("the first loss is that of the first step, and trains nothing") {
  const Setup setup{.images = 8, .batch_size = 2, .max_epochs = 2};
  Run trained(setup), asked(setup);
  trained.go();
  asked.first_loss_only = true;
  asked.remember();
  asked.go();
  CHECK(asked.first_loss == trained.task.losses.at(0));
  CHECK(asked.task.losses.size() == 1);
  CHECK(asked.unchanged_since_remembered());
  CHECK(asked.task.events == std::vector<std::string>{"ready 0", "begin 0"});
}

}  // namespace selfsup::train
