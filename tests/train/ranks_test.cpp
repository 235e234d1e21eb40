#include <ATen/ATen.h>
#include <catch2/catch.hpp>

#include <mutex>

#include "distributed/single_process.h"
#include "ranks.h"
#include "toy_run.h"

namespace selfsup::train {
namespace {

using test::Run;
using test::Setup;
using test::ThreadRanks;

}  // namespace

TEST_CASE("the group of one process gathers a tensor of its own, and every number stays") {
  const distributed::SingleProcess group;
  const at::Tensor rows = at::ones({2, 3});
  const at::Tensor gathered = group.all_gather(rows);
  gathered.zero_();
  CHECK(at::equal(rows, at::ones({2, 3})));
  for (const auto how : {distributed::Reduce::sum, distributed::Reduce::mean, distributed::Reduce::max}) {
    double number = 0.1;
    group.all_reduce({&number, 1}, how);
    group.all_reduce(rows, how);
    CHECK(number == 0.1);
    CHECK(at::equal(rows, at::ones({2, 3})));
  }
  CHECK(group.any(true));
  CHECK(!group.any(false));
}

TEST_CASE("two ranks train as one process does with the batches of both") {
  const Setup both{.images = 16, .batch_size = 4, .max_epochs = 3, .accumulative_counts = 2, .log_interval = 1};
  Setup half = both;
  half.batch_size = 2;
  Run alone(both);
  REQUIRE(alone.go() == Exit::ok);
  std::mutex checks;
  ThreadRanks(2).run([&](const distributed::Group& group) {
    Run run(half, group);
    const Exit exit = run.go();
    const std::lock_guard lock(checks);
    CHECK(exit == Exit::ok);
    CHECK(run.loop->course().at() == alone.loop->course().at());
    for (size_t i = 0; i < alone.store.entries().size(); ++i)
      CHECK(at::allclose(run.store.entries()[i].tensor, alone.store.entries()[i].tensor, 1e-5, 1e-6));
    // The log's numbers are means over both ranks.
    REQUIRE(run.outside.points.size() == alone.outside.points.size());
    for (size_t i = 0; i < run.outside.points.size(); ++i) {
      CHECK(run.outside.points[i].scalars.at(0).second == Approx(alone.outside.points[i].scalars.at(0).second));
      CHECK(run.task.losses[i] != alone.task.losses[i]);
    }
  });
}

TEST_CASE("what is not finite on one rank is masked on both, and ends both") {
  for (const bool gradient_only : {false, true}) {
    INFO(gradient_only);
    std::mutex checks;
    ThreadRanks(2).run([&](const distributed::Group& group) {
      Run run({.images = 16, .batch_size = 2, .max_epochs = 1, .log_interval = 1}, group);
      Run until_then({.images = 16, .batch_size = 2, .max_iters = 2, .log_interval = 1}, group);
      until_then.go();
      run.task.bad_iter = group.rank() == 1 ? 2 : -1;
      run.task.bad_gradient_only = gradient_only;
      std::string text;
      try {
        run.go();
      } catch (const Error& error) {
        text = error.exit() == Exit::diverged ? error.what() : "";
      }
      const std::lock_guard lock(checks);
      CHECK_THAT(text, Catch::Contains(group.rank() == 1 || gradient_only ? "iteration 3" : "gradient norm"));
      for (size_t i = 0; i < run.store.entries().size(); ++i)
        CHECK(at::equal(run.store.entries()[i].tensor, until_then.store.entries()[i].tensor));
    });
  }
}

TEST_CASE(
    "ranks that are stopped and resumed log what those log that were not, and fewer ranks go on from one of them") {
  const Setup setup{.images = 40, .batch_size = 2, .max_epochs = 2, .log_interval = 4};
  std::vector<std::vector<double>> straight(2), again(2);
  const auto note = [](const Run& run, std::vector<double>& into) {
    for (const report::TrainPoint& point : run.outside.points)
      for (const auto& [name, value] : point.scalars) into.push_back(value);
  };
  const std::filesystem::path folder = test::fresh_folder();
  std::mutex checks;
  ThreadRanks(2).run([&](const distributed::Group& group) {
    Run whole(setup, group), first(setup, group), second(setup, group);
    const Exit untouched = whole.go();
    first.outside.keep_in(folder, first.keepers, group);
    first.outside.stop_at = 5;  // noticed after 6: two iterations are in no line yet
    const Exit stopped = first.go();
    const checkpoint::Checkpoint saved(folder / "iter_6");
    restore(second.keepers, saved);
    const Exit resumed = second.go(position_of(saved.manifest()), saved.path());
    const std::lock_guard lock(checks);
    CHECK(untouched == Exit::ok);
    CHECK(stopped == Exit::preempted);
    CHECK(resumed == Exit::ok);
    CHECK(first.loop->course().at().iter == 6);
    note(whole, straight[static_cast<size_t>(group.rank())]);
    note(first, again[static_cast<size_t>(group.rank())]);
    note(second, again[static_cast<size_t>(group.rank())]);
  });
  CHECK(straight[0].size() == 5 * 3);  // lines and numbers
  CHECK(again == straight);            // bit for bit
  Run alone(setup);
  restore(alone.keepers, checkpoint::Checkpoint(folder / "iter_6"));
  CHECK_FALSE(alone.telemetry.window().empty());
  std::filesystem::remove_all(folder);
}

TEST_CASE("a stop that one rank is asked for ends all at the same step") {
  std::mutex checks;
  ThreadRanks(2).run([&](const distributed::Group& group) {
    Run run({.images = 32, .batch_size = 2, .max_epochs = 5}, group);
    if (group.rank() == 1) run.outside.stop_at = 3;
    const Exit exit = run.go();
    const std::lock_guard lock(checks);
    CHECK(exit == Exit::preempted);
    // An iteration later: no rank waits for another's answer.
    CHECK(run.loop->course().at().iter == 4);
    CHECK(run.outside.saved == std::vector<std::string>{"iter_4"});
  });
}

}  // namespace selfsup::train
