// Whole runs over ranks that are processes, with c10d's Reducer, against runs of one process and runs that were not
// interrupted.
#include <ATen/ATen.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <stdexcept>

#include "base/errors.h"
#include "processes.h"
#include "rank_world.h"
#include "toy_run.h"
#include "train/state.h"

namespace selfsup::train {
namespace {

using test::RankBody;
using test::RankPlace;
using test::RankWorld;
using test::Run;
using test::run_ranks;
using test::Scratch;
using test::Setup;

// What a run has become: model and optimizer.
std::vector<at::Tensor> values(const Run& run) {
  std::vector<at::Tensor> all;
  for (const auto& entry : run.store.entries()) all.push_back(entry.tensor.detach());
  for (const auto& [name, tensor] : run.optimizer->state()) all.push_back(tensor);
  return all;
}

at::Tensor logged_losses(const Run& run) {
  std::vector<double> losses;
  for (const report::TrainPoint& point : run.outside.points) losses.push_back(point.scalars.at(0).second);
  return at::tensor(losses, at::kDouble);
}

std::filesystem::path outcome_file(const RankPlace& place, const std::string& name) {
  return place.folder / (name + ".rank" + std::to_string(place.rank));
}

void write(const std::filesystem::path& file, const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> flat;
  for (const at::Tensor& tensor : tensors) flat.push_back(tensor.to(at::kDouble).flatten());
  const at::Tensor all = at::cat(flat);
  std::ofstream out(file, std::ios::binary);
  out.write(static_cast<const char*>(all.const_data_ptr()), static_cast<std::streamsize>(all.nbytes()));
  if (!out.flush()) throw std::runtime_error("cannot write " + file.string());
}

at::Tensor read(const std::filesystem::path& folder, const std::string& name, int rank) {
  std::ifstream in(folder / (name + ".rank" + std::to_string(rank)), std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(in), {});
  at::Tensor all = at::empty({static_cast<int64_t>(bytes.size() / sizeof(double))}, at::kDouble);
  if (!bytes.empty()) std::memcpy(all.mutable_data_ptr(), bytes.data(), bytes.size());
  return all;
}

Run::MakeReducer reducer_of(const RankWorld& world, double bucket_mb = 25) {
  return [&world, bucket_mb](const distributed::NamedParameters& parameters) {
    return world.reducer(parameters, {.bucket_mb = bucket_mb});
  };
}

// Two batches of 12 images make a step, whoever takes them; the bias is told to stand still between backward and
// optimizer.
const RankBody trains("trains", [](const RankPlace& place) {
  const RankWorld world(place);
  Setup setup{.images = 48,
              .batch_size = 12 / place.world,
              .max_epochs = 5,
              .accumulative_counts = 2,
              .optimizer = R"({"type": "SGD", "lr": 0.02, "momentum": 0.9})",
              .hidden = 20,
              .log_interval = 1,
              .scaled = place.argument == "scaled",
              .clip = R"({"type": "norm", "max_norm": 0.5, "norm_type": 2})"};
  Run run(setup, world.group(), reducer_of(world, 0.0005));
  run.remember();
  run.task.at_gradients = [&](const bridge::Step&) -> std::vector<bridge::NamedTensor> {
    run.store.find("bias")->tensor.grad().zero_();
    return {};
  };
  if (run.go() != Exit::ok) throw std::runtime_error("not trained");
  const at::Tensor moves = run.moves();
  if (moves.slice(0, 0, 320).norm().item<double>() < 0.1) throw std::runtime_error("nothing was learned");
  if (moves.slice(0, 320, 340).abs().max().item<double>() != 0) throw std::runtime_error("the bias has moved");
  std::vector<at::Tensor> all = values(run);
  all.push_back(logged_losses(run));
  write(outcome_file(place, place.argument + std::to_string(place.world)), all);
});

// Three ranks, whose sums depend on where in its bucket a value lies. argument: what is done; "forgets": resumes
// without the buckets.
const RankBody resumes("resumes", [](const RankPlace& place) {
  const RankWorld world(place);
  Setup setup{.images = 54, .batch_size = 3, .max_epochs = 4, .accumulative_counts = 2, .hidden = 40};
  Run run(setup, world.group(), reducer_of(world));
  const bool resuming = place.argument == "resumed" || place.argument == "forgets";
  Position start;
  std::string from;
  if (place.argument.rfind("until", 0) == 0) run.outside.stop_at = std::stoi(place.argument.substr(6));
  if (resuming) {
    if (place.argument == "forgets") run.keepers.pop_back();  // the last one is the buckets'
    const auto newest = checkpoint::newest_whole((place.folder / "kept").string());
    restore(run.keepers, newest.value());
    start = position_of(newest->manifest());
    from = newest->path();
  } else {
    run.outside.keep_in(place.folder / (place.argument == "straight" ? "straight" : "kept"), run.keepers,
                        world.group());
  }
  run.go(start, from);
  write(outcome_file(place, place.argument), values(run));
});

const RankBody spoils("spoils", [](const RankPlace& place) {
  const RankWorld world(place);
  Run run({.images = 16, .batch_size = 2, .max_epochs = 1}, world.group(), reducer_of(world));
  if (place.rank == 1) run.task.bad_iter = 2;
  run.go();
});

const RankBody leaves("leaves", [](const RankPlace& place) {
  const RankWorld world(place);
  Run run({.images = 160, .batch_size = 2, .max_epochs = 1}, world.group(), reducer_of(world));
  if (place.rank == 1) {
    run.task.bad_iter = 3;
    run.task.before_bad = [] { _exit(9); };
  }
  run.go();
});

}  // namespace

TEST_CASE("ranks that are processes train as one process does with the batches of all") {
  for (const std::string scaled : {"plain", "scaled"}) {
    const Scratch scratch;
    REQUIRE(failures(run_ranks(trains, 1, scratch.path(), scaled)) == "");
    const at::Tensor alone = read(scratch.path(), scaled + "1", 0);
    for (const int world : {2, 3, 4}) {
      INFO(scaled << " " << world);
      REQUIRE(failures(run_ranks(trains, world, scratch.path(), scaled)) == "");
      const at::Tensor first = read(scratch.path(), scaled + std::to_string(world), 0);
      REQUIRE(first.sizes() == alone.sizes());
      CHECK(at::allclose(first, alone, 1e-5, 1e-6));
      for (int rank = 1; rank < world; ++rank)
        CHECK(at::equal(read(scratch.path(), scaled + std::to_string(world), rank), first));
    }
  }
}

TEST_CASE("a run of three ranks that is stopped and resumed equals, bit for bit, the one that was not") {
  // Right after the first optimizer step, whose end rebuilt the buckets, and later.
  const std::string until = GENERATE(std::string("until 2"), std::string("until 14"));
  const Scratch scratch;
  for (const std::string& what : {std::string("straight"), until, std::string("resumed"), std::string("forgets")})
    REQUIRE(failures(run_ranks(resumes, 3, scratch.path(), what)) == "");
  const at::Tensor straight = read(scratch.path(), "straight", 0);
  REQUIRE(straight.numel() > 2 * 40 * 17);
  CHECK(at::equal(read(scratch.path(), "resumed", 0), straight));
  CHECK(!at::equal(read(scratch.path(), "forgets", 0), straight));  // else this test could not fail
}

TEST_CASE("a loss that is not finite on one rank ends all ranks") {
  const Scratch scratch;
  for (const auto& end : run_ranks(spoils, 3, scratch.path())) {
    INFO(end.text);
    CHECK(end.exit == static_cast<int>(Exit::diverged));
  }
}

TEST_CASE("a rank that goes away in the middle of a step leaves the others with an error that is not theirs") {
  const Scratch scratch;
  const auto ends = run_ranks(leaves, 3, scratch.path());
  CHECK(ends[1].exit == 9);
  for (const size_t rank : {0, 2}) {
    INFO(ends[rank].text);
    CHECK(ends[rank].exit == static_cast<int>(Exit::peer));
    CHECK(!ends[rank].cut_short);
  }
}

}  // namespace selfsup::train
