// A whole run in memory: a linear model of random images, so that the loop can be tested without a plugin.
#pragma once
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "checkpoint/store.h"
#include "data/loader/loader.h"
#include "distributed/single_process.h"
#include "resolved.h"
#include "ssp/sink.h"
#include "train/loop.h"
#include "train/state.h"

namespace selfsup::test {

inline std::filesystem::path fresh_folder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "selfsup-train-XXXXXX").string();
  if (!mkdtemp(pattern.data())) throw std::runtime_error("no temporary folder");
  return pattern;
}

struct Setup {
  int64_t images = 8, batch_size = 2, max_epochs = 0, max_iters = 0, accumulative_counts = 1;
  bool shuffle = true;
  int num_workers = 0;
  std::string optimizer = R"({"type": "AdamW", "lr": 0.01})";
  std::string schedule = "null";
  int64_t hidden = 3, save_every_iters = 0, log_interval = 10;
  bool scaled = false;  // as for fp16
  std::string clip = "null";
  int64_t evaluate_every = 0;  // in what the run is counted in
  bool changes_course = false;
  std::string held = {};  // a parameter that the run's rules freeze
};

class RandomImages : public data::Dataset {
 public:
  explicit RandomImages(int64_t size) : size_(size) {}
  int64_t size() const override { return size_; }
  int channels() const override { return 1; }
  std::string describe(int64_t index) const override { return std::to_string(index); }
  void load(int64_t index, data::Image& out) const override {
    out.reshape(4, 4, 1);
    KeyedRandom random(static_cast<uint64_t>(index));
    for (auto& pixel : out.pixels) pixel = static_cast<uint8_t>(random.below(256));
    ++loads;
  }
  mutable std::atomic<int64_t> loads{0};

 private:
  int64_t size_;
};

// Predicts each row of a frozen table times the image; remembers a running number beside its tensors.
class ToyTask : public train::Task {
 public:
  explicit ToyTask(model::ParameterStore& store) : store_(store) {}

  std::vector<bridge::NamedTensor> training_step(const bridge::Step& step, const bridge::StepBatch& batch) override {
    micros.emplace_back(step.micro, step.micros);
    const at::Tensor x = batch.views.at(0).flatten(1);
    const at::Tensor weight = store_.find("weight")->tensor, bias = store_.find("bias")->tensor;
    const at::Tensor target = x.mm(store_.find("table")->tensor.t());
    at::Tensor loss = (at::addmm(bias, x, weight.t()) - target).square().mean();
    if (spoils_backward) {
      const at::Tensor saved = weight.exp();
      loss = loss + saved.sum();
      saved.detach().add_(1);
    }
    const bool bad = bad_iter == static_cast<int64_t>(step.iter);
    if (bad && before_bad) before_bad();
    // sqrt at zero: a finite value with an infinite gradient.
    if (bad) loss = bad_gradient_only ? loss + (weight - weight.detach()).sum().abs().sqrt() * 1e30 : loss / 0.0;
    losses.push_back(loss.item<double>());
    return {{"loss_main", loss, SSP_EMIT_LOSS}, {"size", at::tensor(static_cast<float>(x.size(0))), SSP_EMIT_METRIC}};
  }
  std::vector<bridge::NamedTensor> on_event(const bridge::Step& step, bridge::Event event) override {
    if (at_event) at_event(event);
    if (event == bridge::Event::gradients) return at_gradients(step);
    static const char* const names[] = {"", "ready", "begin", "updated", "end", "over"};
    const std::string name = names[static_cast<int>(event)];
    events.push_back(name + " " + std::to_string(step.iter));
    if (event == bridge::Event::updated) memory = memory * 31 + step.update;
    if (!tells_events) return {};
    return {{name, at::tensor(static_cast<float>(step.iter)), SSP_EMIT_METRIC}};
  }
  bool wants(bridge::Event event) const override {
    return event == bridge::Event::gradients ? at_gradients != nullptr : wants_epochs;
  }
  std::vector<State> save_state() override {
    const auto* bytes = reinterpret_cast<const std::byte*>(&memory);
    return {{"", false, {bytes, bytes + sizeof memory}}};
  }
  void load_state(const std::vector<State>& states) override {
    std::memcpy(&memory, states.at(0).bytes.data(), sizeof memory);
  }
  int64_t bad_iter = -1;
  bool spoils_backward = false;
  bool bad_gradient_only = false;
  std::function<void()> before_bad;
  bool tells_events = false, wants_epochs = false;
  std::function<void(bridge::Event)> at_event;
  std::function<std::vector<bridge::NamedTensor>(const bridge::Step&)> at_gradients;
  uint64_t memory = 1;
  std::vector<double> losses;
  std::vector<std::string> events;
  std::vector<std::pair<uint32_t, uint32_t>> micros;

 private:
  model::ParameterStore& store_;
};

class ToyOutside : public train::Outside {
 public:
  // On every rank of the group; the first one writes.
  void keep_in(const std::filesystem::path& folder, const train::Keepers& keepers,
               const distributed::Group& group = alone()) {
    if (group.rank() == 0) store_ = std::make_unique<checkpoint::CheckpointStore>(folder.string(), -1);
    keepers_ = &keepers;
    group_ = &group;
  }
  void log(report::TrainPoint point) override { points.push_back(point); }
  std::string save(const std::string& name, const train::Position& position) override {
    saved.push_back(name);
    return keepers_ ? train::save(*keepers_, *group_, store_.get(), name, position, {}) : name;
  }
  void evaluate(const bridge::Step& step) override { evaluated.push_back(static_cast<int64_t>(step.iter)); }
  void progress(const train::Position& position, int64_t) override { iter_ = position.iter; }
  std::optional<Exit> stop_requested() override {
    return stop_at >= 0 && iter_ >= stop_at ? std::optional(Exit::preempted) : std::nullopt;
  }

  int64_t stop_at = -1;
  std::vector<int64_t> evaluated;
  std::vector<report::TrainPoint> points;
  std::vector<std::string> saved;

 private:
  int64_t iter_ = 0;
  std::unique_ptr<checkpoint::CheckpointStore> store_;
  const train::Keepers* keepers_ = nullptr;
  const distributed::Group* group_ = nullptr;

  static const distributed::Group& alone() {
    static const distributed::SingleProcess group;
    return group;
  }
};

class Run {
 public:
  using MakeReducer = std::function<std::unique_ptr<distributed::Reducer>(const distributed::NamedParameters&)>;

  explicit Run(const Setup& setup, const distributed::Group& group = alone(), const MakeReducer& make_reducer = {})
      : setup_(setup),
        group_(group),
        images_(setup.images),
        loader_(images_, pipeline_,
                {.batch_size = setup.batch_size,
                 .num_workers = setup.num_workers,
                 .shuffle = setup.shuffle,
                 .seed = 5,
                 .shard = {group.rank(), group.world()}}),
        task((fill(), store)),
        optimizer(make_optimizer()),
        scaler({.scaled = setup.scaled}, at::kCPU),
        telemetry(group, !setup.scaled, clip().kind == train::ClipSettings::Kind::norm),
        reducer(make_reducer ? make_reducer(train::trained_tensors(store)) : distributed::make_plain_reducer(group)),
        keepers{train::keep_task(task, group),
                train::keep_model(store),
                train::keep_scaler(scaler),
                train::keep_optimizer(*optimizer, store),
                train::keep_window(telemetry.window(), group),
                train::keep_buckets(*reducer)} {}

  Exit go(const train::Position& start = {}, const std::string& last_good = "") {
    const int64_t epoch = loader_.batches_per_epoch();
    const bool by_epoch = setup_.max_iters == 0;
    const train::Course course({by_epoch, setup_.max_iters, setup_.max_epochs, setup_.accumulative_counts}, epoch,
                               start, start.iter > 0 ? bridge::Origin::resumed : bridge::Origin::fresh);
    train::LoopOptions options;
    options.log_interval = setup_.log_interval;
    options.save = setup_.save_every_iters ? train::Interval{setup_.save_every_iters, false} : train::Interval{1, true};
    options.evaluate = {setup_.evaluate_every, by_epoch};
    options.changes_course = setup_.changes_course;
    train::Schedules schedules(
        resolved_list(train::scheduler_types(), parse_json(setup_.schedule, "test", "test")),
        {epoch, by_epoch ? setup_.max_epochs * epoch : setup_.max_iters, std::max<int64_t>(1, setup_.max_epochs)});
    train::OptimizerStep step({preprocess_, task, *optimizer, scaler, group_, *reducer, at::kCPU, &progress}, {},
                              clip());
    loop = std::make_unique<train::Loop>(
        train::LoopParts{loader_, step, task, *optimizer, schedules, group_, telemetry, &progress}, options, course,
        last_good);
    loop->begin();
    return first_loss_only ? (first_loss = loop->first_loss(), Exit::ok) : loop->run(outside);
  }
  void remember() {
    remembered_.clear();
    for (const auto& entry : store.entries()) remembered_.push_back(entry.tensor.detach().clone());
  }
  int64_t images_read() const { return images_.loads; }
  // What has been added to the trained values since, in one row.
  at::Tensor moves() const {
    std::vector<at::Tensor> out;
    for (size_t i = 0; i < remembered_.size(); ++i)
      out.push_back((store.entries()[i].tensor.detach() - remembered_[i]).flatten());
    return at::cat(out);
  }
  bool unchanged_since_remembered() const {
    for (size_t i = 0; i < remembered_.size(); ++i)
      if (!at::equal(remembered_[i], store.entries()[i].tensor.detach())) return false;
    return !remembered_.empty();
  }

 private:
  static const distributed::Group& alone() {
    static const distributed::SingleProcess group;
    return group;
  }
  // Not through ParameterStore::declare, whose initialisation is another room's.
  void fill() {
    const auto add = [&](const char* name, model::Kind kind, std::vector<int64_t> sizes, uint64_t key) {
      model::Entry entry;
      entry.name = name;
      entry.kind = kind;
      model::Entry& made = store.declare(std::move(entry), sizes, at::kFloat);
      at::NoGradGuard no_grad;
      KeyedRandom random(key);
      for (int64_t i = 0; i < made.tensor.numel(); ++i) made.tensor.flatten()[i] = random.uniform(-0.5, 0.5);
      made.held = setup_.held == name;
      if (made.held) made.kind = model::Kind::frozen;
      made.tensor.set_requires_grad(made.kind == model::Kind::parameter);
    };
    add("weight", model::Kind::parameter, {setup_.hidden, 16}, 1);
    add("bias", model::Kind::parameter, {setup_.hidden}, 2);
    add("table", model::Kind::frozen, {setup_.hidden, 16}, 3);
  }
  train::ClipSettings clip() const { return train::clip_settings(parse_json(setup_.clip, "test", "test")); }
  std::unique_ptr<train::Optimizer> make_optimizer() {
    const Json config = resolved(train::optimizer_types(), parse_json(setup_.optimizer, "test", "test"));
    const auto trained = store.trained();
    return train::make_optimizer(
        config, train::group_parameters(trained, train::ParamRules(Json()), config.get("lr").as_double(),
                                        config.get("weight_decay").as_double()));
  }

  Setup setup_;
  const distributed::Group& group_;
  RandomImages images_;
  data::Pipeline pipeline_;
  data::Loader loader_;
  input::Preprocessor preprocess_{parse_json(R"({"mean": [127.5], "std": [64]})", "test", "test"), 1, at::kCPU};
  std::vector<at::Tensor> remembered_;

 public:
  bool first_loss_only = false;
  double first_loss = 0;
  model::ParameterStore store;
  ToyTask task;
  std::unique_ptr<train::Optimizer> optimizer;
  train::GradScaler scaler;
  train::Telemetry telemetry;
  std::unique_ptr<distributed::Reducer> reducer;
  distributed::Progress progress;
  train::Keepers keepers;
  ToyOutside outside;
  std::unique_ptr<train::Loop> loop;
};

// Tensors of which two runs have other values.
inline std::vector<at::Tensor> difference(const Run& a, const Run& b) {
  std::vector<at::Tensor> out;
  for (size_t i = 0; i < a.store.entries().size(); ++i)
    if (!at::equal(a.store.entries()[i].tensor, b.store.entries()[i].tensor))
      out.push_back(a.store.entries()[i].tensor);
  return out;
}

}  // namespace selfsup::test
