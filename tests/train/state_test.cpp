// What checkpoints keep of a run, and take back.
#include "train/state.h"

#include <ATen/ATen.h>
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "checkpoint/store.h"
#include "toy_run.h"
#include "train/weights.h"

namespace selfsup::train {
namespace {

using test::difference;
using test::Run;
using test::Setup;

// What metrics.jsonl would have of a run, but for times.
std::string lines(const Run& run) {
  std::string text;
  for (const report::TrainPoint& point : run.outside.points) {
    Json object = report::metrics_object(point);
    for (const char* key : {"time", "data_time"}) object.erase(key);
    text += to_text(object) + "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("a run that is stopped and resumed equals, byte for byte, the one that was not") {
  for (const char* optimizer :
       {R"({"type": "AdamW", "lr": 0.01})", R"({"type": "SGD", "lr": 0.01, "momentum": 0.9})"}) {
    Setup setup{.images = 23, .batch_size = 4, .max_epochs = 5, .accumulative_counts = 2, .optimizer = optimizer};
    setup.log_interval = 4;  // an epoch has 6 iterations
    Run straight(setup);
    straight.task.tells_events = true;
    REQUIRE(straight.go() == Exit::ok);
    for (const int64_t stop_at : {1, 2, 7, 11, 12, 20}) {
      INFO(optimizer << " stopped at " << stop_at);
      const std::filesystem::path folder = test::fresh_folder();
      Run first(setup);
      first.outside.keep_in(folder, first.keepers);
      first.outside.stop_at = stop_at;
      first.task.tells_events = true;
      REQUIRE(first.go() == Exit::preempted);
      CHECK(first.loop->course().at().iter == stop_at + stop_at % 2);  // the optimizer step is finished first

      setup.num_workers = 2;
      Run second(setup);
      second.task.tells_events = true;
      checkpoint::CheckpointStore store(folder, -1);
      const auto newest = store.newest_valid();
      REQUIRE(newest);
      restore(second.keepers, *newest);
      const Position position = position_of(newest->manifest());
      CHECK(position == first.loop->course().at());
      REQUIRE(second.go(position, newest->path()) == Exit::ok);
      CHECK(difference(straight, second).empty());
      const StateDict a = straight.optimizer->state(), b = second.optimizer->state();
      REQUIRE(a.size() == b.size());
      for (size_t i = 0; i < a.size(); ++i) CHECK(at::equal(a[i].second, b[i].second));
      CHECK(second.task.memory == straight.task.memory);
      CHECK(lines(first) + lines(second) == lines(straight));
      std::filesystem::remove_all(folder);
    }
  }
}

TEST_CASE("a position is saved whole") {
  const std::filesystem::path folder = test::fresh_folder();
  for (const bool told : {true, false}) {
    Run run({.images = 8, .batch_size = 4, .max_epochs = 1});
    run.outside.keep_in(folder, run.keepers);
    const Position position{12, 6, 3, 0, told};
    run.outside.save("iter_12", position);
    const auto newest = checkpoint::CheckpointStore(folder, -1).newest_valid();
    REQUIRE(newest);
    CHECK(position_of(newest->manifest()) == position);
  }
  std::filesystem::remove_all(folder);
}

TEST_CASE("what is frozen since, or trains since, changes nothing of the other parameters' state") {
  for (const char* optimizer :
       {R"({"type": "AdamW", "lr": 0.01})", R"({"type": "SGD", "lr": 0.01, "momentum": 0.9})"}) {
    INFO(optimizer);
    const std::filesystem::path folder = test::fresh_folder();
    Setup setup{.images = 8, .batch_size = 4, .max_epochs = 1, .optimizer = optimizer};
    Run both(setup);
    both.outside.keep_in(folder, both.keepers);
    both.go();
    setup.held = "bias";
    Run one(setup);
    const auto of_both = checkpoint::CheckpointStore(folder, -1).newest_valid();
    REQUIRE(of_both);
    restore(one.keepers, *of_both);
    const StateDict before = both.optimizer->state(), after = one.optimizer->state();
    CHECK(after.size() == before.size() / 2);
    for (const auto& [name, tensor] : after) {
      CHECK(name.starts_with("weight/"));
      const auto had = std::ranges::find(before, name, &StateDict::value_type::first);
      REQUIRE(had != before.end());
      CHECK(at::equal(had->second, tensor));
    }

    const std::filesystem::path other = test::fresh_folder();
    one.outside.keep_in(other, one.keepers);
    one.outside.save("epoch_1", {2, 2, 1, 0});
    setup.held = "";
    Run again(setup);
    const auto of_one = checkpoint::CheckpointStore(other, -1).newest_valid();
    REQUIRE(of_one);
    restore(again.keepers, *of_one);
    for (const auto& [name, tensor] : again.optimizer->state()) {
      const auto had = std::ranges::find(after, name, &StateDict::value_type::first);
      CHECK((had == after.end() ? tensor.count_nonzero().item<int64_t>() == 0 : at::equal(had->second, tensor)));
    }
    std::filesystem::remove_all(folder);
    std::filesystem::remove_all(other);
  }
}

TEST_CASE("a checkpoint of another model is refused and changes nothing") {
  const std::filesystem::path folder = test::fresh_folder();
  Run run({.images = 8, .batch_size = 4, .max_epochs = 1});
  run.outside.keep_in(folder, run.keepers);
  run.go();
  Run other({.images = 8, .batch_size = 4, .max_epochs = 1, .hidden = 7});
  other.remember();
  const auto checkpoint = checkpoint::CheckpointStore(folder, -1).newest_valid();
  REQUIRE(checkpoint);
  CHECK_THROWS_WITH(restore(other.keepers, *checkpoint), Catch::Contains("weight"));
  CHECK(other.unchanged_since_remembered());
  const auto load = [&](model::ParameterStore& store) {
    return load_weights(store, exchange::open_weights(checkpoint->path()),
                        [](const auto&) { return exchange::NamePairs(); });
  };
  CHECK_THROWS_AS(load(other.store), Error);
  CHECK(other.unchanged_since_remembered());
  Run same({.images = 8, .batch_size = 4, .max_epochs = 1});
  CHECK(load(same.store).names.exact());
  CHECK(difference(same, run).empty());
  std::filesystem::remove_all(folder);
}

TEST_CASE("a checkpoint with a state that does not fit is refused and changes nothing") {
  const std::filesystem::path folder = test::fresh_folder();
  Setup setup{.images = 8, .batch_size = 4, .max_epochs = 1};
  setup.scaled = true;
  Run run(setup);
  run.go();
  // The run's own state, with one thing wrong.
  const auto saved_with = [&](const char* wrong) {
    checkpoint::CheckpointStore store(folder, -1);
    const std::string what = wrong;
    std::vector<at::Tensor> hold;
    const auto view = [&](const std::string& name, const at::Tensor& tensor) {
      return to_view(name, hold.emplace_back(tensor.detach()));
    };
    checkpoint::TensorFile model{model_file, {}}, training{optimizer_file, {}};
    hold.reserve(64);
    for (const auto& entry : run.store.entries()) model.tensors.push_back(view(entry.name, entry.tensor));
    for (const auto& [name, tensor] : run.optimizer->state()) training.tensors.push_back(view(name, tensor));
    if (what == "optimizer") training.tensors.pop_back();
    training.tensors.push_back(view("scaler/scale", what == "shape" ? at::ones({3}) : at::full({}, 8.0)));
    if (what != "missing") training.tensors.push_back(view("scaler/growth_tracker", at::full({}, 5, at::kInt)));
    checkpoint::Manifest manifest;
    Json state = Json::object();
    state.set("component", "");
    state.set("per_rank", false);
    state.set("file", what == "blob" ? "state/absent.bin" : "state/algorithm.bin");
    manifest.extra.set("states", Json(Json::Array{state}));
    return checkpoint::Checkpoint(
        store.save("epoch_1", manifest, {model, training}, {{"state/algorithm.bin", "01234567"}}));
  };
  for (const char* wrong : {"shape", "missing", "blob", "optimizer"}) {
    INFO(wrong);
    Run fresh(setup);
    fresh.remember();
    try {
      restore(fresh.keepers, saved_with(wrong));
      FAIL("taken");
    } catch (const Error& error) {
      CHECK(error.exit() == Exit::checkpoint);
    }
    CHECK(fresh.unchanged_since_remembered());
    CHECK(at::equal(fresh.optimizer->state().at(0).second, Run(setup).optimizer->state().at(0).second));
    CHECK(fresh.scaler.scale_value().item<float>() == 65536);
    CHECK(fresh.task.memory == 1);
  }
  Run fresh(setup);
  restore(fresh.keepers, saved_with("nothing"));
  CHECK(difference(fresh, run).empty());
  CHECK(fresh.scaler.scale_value().item<float>() == 8);
  std::filesystem::remove_all(folder);
}

TEST_CASE("what else a run keeps is one more keeper, and is judged before anything changes") {
  // A second set of tensors and some bytes beside them.
  struct Shadow {
    at::Tensor weight = at::ones({2});
    std::string bytes = "nothing";

    Keeper keeper() {
      return {[this](Kept& into) {
                into.tensors["shadow.safetensors"] = {{"weight", weight}};
                into.blobs["state/shadow.bin"] = bytes;
              },
              [this](const Kept& from) {
                const at::Tensor saved = from.tensors_of("shadow.safetensors").at(0).second;
                if (saved.sizes() != weight.sizes()) throw Error(Exit::checkpoint, "the shadow does not fit");
                return [this, saved, text = from.blob("state/shadow.bin")] {
                  weight.copy_(saved);
                  bytes = text;
                };
              }};
    }
  };
  const std::filesystem::path folder = test::fresh_folder();
  const Setup setup{.images = 8, .batch_size = 4, .max_epochs = 1};
  Run run(setup), second(setup), third(setup), without(setup);
  Shadow kept, found, other;
  run.keepers.push_back(kept.keeper());
  second.keepers.push_back(found.keeper());
  third.keepers.push_back(other.keeper());
  kept.weight.fill_(5);
  kept.bytes = "five";
  run.outside.keep_in(folder, run.keepers);
  run.go();
  const auto checkpoint = checkpoint::CheckpointStore(folder, -1).newest_valid();
  REQUIRE(checkpoint);
  restore(second.keepers, *checkpoint);
  CHECK(at::equal(found.weight, kept.weight));
  CHECK(found.bytes == "five");
  other.weight = at::ones({3});
  third.remember();
  CHECK_THROWS_WITH(restore(third.keepers, *checkpoint), "the shadow does not fit");
  CHECK(third.unchanged_since_remembered());
  CHECK(third.task.memory == 1);
  restore(without.keepers, *checkpoint);  // what nobody asks for is no obstacle
  CHECK(difference(without, run).empty());
  std::filesystem::remove_all(folder);
}

}  // namespace selfsup::train
