#include "run/training.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <torch/version.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <random>
#include <utility>

#include "base/log.h"
#include "bridge/components/transform.h"
#include "config/threads.h"
#include "device/memory.h"
#include "report/metrics.h"
#include "run/changes.h"
#include "run/environment.h"
#include "run/facts.h"

namespace selfsup::run {
namespace {

namespace fs = std::filesystem;

std::string default_work_dir(const std::string& config_path) {
  return (fs::path("work_dirs") / fs::path(config_path).stem()).string();
}

int64_t default_workers() { return std::min(8, std::max(1, config::allowed_cores() - 1)); }

// The host's keys, with the work folder filled in.
config::RunConfig read_config(Json& tree, const std::string& path) {
  config::RunConfig config = config::read_run_config(tree);
  if (config.work_dir.empty()) {
    config.work_dir = default_work_dir(path);
    tree.set("work_dir", config.work_dir);
  }
  if (!config.data.num_workers) config.data.num_workers = default_workers();
  return config;
}

const Json& node_or_null(const Json& parent, std::string_view key) {
  static const Json null;
  const Json* node = parent.find(key);
  return node ? *node : null;
}

// The outside of a loop that is not run: no more than its beginning.
class Rehearsal final : public train::Outside {
 public:
  explicit Rehearsal(evaluate::Evaluation& evaluation) : evaluation_(evaluation) {}
  void begin() override { evaluation_.rehearse(); }
  std::string save(const std::string&, const train::Position&) override { return ""; }

 private:
  evaluate::Evaluation& evaluation_;
};

}  // namespace

Training::Training(Prepared& prepared, const cli::CommandLine& line)
    : prepared_(prepared),
      config_(read_config(prepared.config, line.target)),
      clip_(train::clip_settings(node_or_null(config_.optim_wrapper, "clip_grad"))),
      threads_(device::set_threads(static_cast<int>(config_.num_threads.value_or(0)), 1)) {
  device::keep_freed_memory();
  if (line.command == cli::Command::train) signals_.emplace();
  check_configuration(line);
  open_data();
  check_stop();
  if (line.command == cli::Command::train) take_folder(line.overwrite);
  check_stop();
  choose_seed();
  build_loader();
  device_ = device::choose_device(config_.device);
  device::set_randomness({seed_, config_.deterministic});
  bridge::Environment environment;
  environment.seed = seed_;
  environment.rank = group_.rank();
  environment.world = group_.world();
  environment.device = device_.device;
  environment.stop_requested = [this] { return signals_ && signals_->requested(); };
  prepared_.host.set_environment(environment);
  build_model();
  scale_learning_rate();
  build_optimizer();
  load();
  evaluation_.emplace(config_, probe_sets_, *algorithm_, model_, *preprocess_, view_, seed_);
}

// What needs neither data nor device.
void Training::check_configuration(const cli::CommandLine& line) const {
  const Json& wrapper = config_.optim_wrapper;
  train::make_optimizer(wrapper.get("optimizer"), {});
  train::ParamRules(node_or_null(wrapper, "paramwise_cfg"));
  // Whether "auto" finds a GPU is not known yet; the CPU refuses more.
  train::amp_settings(wrapper, config_.device == "cpu" ? at::kCPU : at::kCUDA);
  if (line.overwrite && (line.resume || config_.resume == config::ResumeFrom::path))
    throw Error(Exit::usage, "--overwrite starts anew, and resume goes on from a checkpoint: take one of them away");
  if (config_.resume == config::ResumeFrom::nothing && !config_.load_from.empty() && !fs::exists(config_.load_from))
    throw Error(Exit::usage, fmt::format("load_from: there is nothing at {}", config_.load_from));
}

void Training::open_data() {
  dataset_ = data::make_dataset(config_.data.dataset);
  if (config_.probe) probe_sets_ = evaluate::open_probe_sets(*config_.probe);
  pipeline_ = data::Pipeline(config_.data.pipeline,
                             bridge::transform_factory(*prepared_.registry, stated_facts(prepared_.config)));
  data::ImageShape shape = dataset_->image_shape();
  if (shape.height == 0)
    shape = {512, 512, dataset_->channels()};  // the pipeline decides; if not, the first batch will say
  const std::vector<data::ImageShape> views = pipeline_.output_shapes(shape);
  view_ = views.front();
  views_ = static_cast<int64_t>(views.size());
  for (const data::ImageShape& view : views) view_sizes_.insert(view_sizes_.end(), {view.height, view.width});
}

void Training::take_folder(bool overwrite) {
  folder_.emplace(config_, overwrite);
  if (folder_->nothing_to_resume()) notes_.emplace_back("there is no checkpoint to resume from: starting fresh");
}

// A seed that nobody gave is drawn once and written down; a resumed run keeps it.
void Training::choose_seed() {
  std::optional<uint64_t> seed = config_.seed;
  if (!seed) {
    if (folder_) seed = folder_->earlier_seed();
    if (!seed) seed = std::random_device{}() & 0x7fffffffu;
    Json& tree = prepared_.config;
    if (!tree.has("randomness")) tree.set("randomness", Json::object());
    tree.find("randomness")->set("seed", static_cast<int64_t>(*seed)).origin = Origin{"default", "drawn", 0, 0};
  }
  seed_ = *seed;
}

void Training::build_loader() {
  const config::DataConfig& data = config_.data;
  data::LoaderOptions options;
  options.batch_size = data.batch_size;
  options.num_workers = static_cast<int>(*data.num_workers);
  options.drop_last = data.drop_last;
  options.shuffle = data.shuffle;
  options.seed = seed_;
  options.rank = group_.rank();
  options.world = group_.world();
  options.prefetch = static_cast<int>(data.prefetch);
  options.max_bad_fraction = data.max_bad_fraction;
  if (folder_) options.known_bad = folder_->known_bad();
  // Nothing is allocated before the first batch, and the device is known by then.
  loader_ = std::make_unique<data::Loader>(*dataset_, pipeline_, options,
                                           [this, pageable = data::reusing(data::allocate_pageable)](size_t bytes) {
                                             return device_.cuda ? device::allocate_pinned(bytes) : pageable(bytes);
                                           });
  epoch_iters_ = loader_->batches_per_epoch();
  max_epochs_ =
      config_.length.max_epochs.value_or((config_.length.max_iters.value_or(0) + epoch_iters_ - 1) / epoch_iters_);
  const int64_t whole = config_.length.max_iters.value_or(max_epochs_ * epoch_iters_);
  schedules_.emplace(config_.param_scheduler, train::RunLength{epoch_iters_, whole, max_epochs_});
  if (folder_ && folder_->checkpoint()) start_ = train::position_of(folder_->checkpoint()->manifest());
  max_iters_ = start_.iter + loop_options().batches_left(start_, epoch_iters_);
}

void Training::build_model() {
  preprocess_.emplace(config_.data_preprocessor, view_.channels, device_.device);
  bridge::Facts facts;
  facts.dataset_length = dataset_->size();
  facts.batch_size = config_.data.batch_size;
  facts.global_batch = config_.data.batch_size * group_.world();
  facts.micros = config_.accumulative_counts;
  facts.drop_last = config_.data.drop_last;
  facts.epoch_iters = epoch_iters_;
  facts.max_iters = max_iters_;
  const int64_t k = config_.accumulative_counts;
  facts.max_updates = start_.update + (max_iters_ - start_.iter + k - 1) / k;
  if (config_.length.by_epoch) facts.max_epochs = max_epochs_;
  facts.world = group_.world();
  facts.rank = group_.rank();
  facts.views = views_;
  facts.view_sizes = view_sizes_;
  if (view_.height == view_.width) facts.image_size = view_.height;
  facts.channels = view_.channels;
  facts.mean = preprocess_->mean();
  facts.std = preprocess_->std();
  algorithm_ = std::make_unique<bridge::Algorithm>(*prepared_.registry, config_.model, facts, model_);
  model_.initialise(seed_);
  model_.to(device_.device);
}

void Training::scale_learning_rate() {
  if (!config_.auto_scale_lr) return;
  const int64_t batch = config_.data.batch_size * group_.world() * config_.accumulative_counts;
  Json* lr = config_.optim_wrapper.find("optimizer")->find("lr");
  const double before = lr->as_double();
  const double after = before * static_cast<double>(batch) / static_cast<double>(*config_.base_batch_size);
  notes_.push_back(
      fmt::format("auto_scale_lr: {} x {} / {} = {} (images of an optimizer step: {} a rank x {} ranks x {} "
                  "accumulated, over base_batch_size)",
                  before, batch, *config_.base_batch_size, after, config_.data.batch_size, group_.world(),
                  config_.accumulative_counts));
  *lr = Json(after);
}

void Training::build_optimizer() {
  const Json& wrapper = config_.optim_wrapper;
  const Json& optimizer = wrapper.get("optimizer");
  const train::ParamRules rules(node_or_null(wrapper, "paramwise_cfg"));
  const std::vector<model::Entry*> trained = model_.trained();
  optimizer_ = train::make_optimizer(optimizer, train::group_parameters(trained, rules, optimizer.get("lr").as_double(),
                                                                        optimizer.get("weight_decay").as_double()));
  amp_ = train::amp_settings(wrapper, device_.device.type());
  if (amp_.scaled) scaler_ = std::make_unique<train::GradScaler>(amp_, device_.device);
  task_ = std::make_unique<train::AlgorithmTask>(*algorithm_);
  state_.emplace(model_, *optimizer_, scaler_.get(), *task_);
}

train::LoopOptions Training::loop_options() const {
  train::LoopOptions options;
  options.by_epoch = config_.length.by_epoch;
  options.max_iters = config_.length.max_iters.value_or(0);
  options.max_epochs = max_epochs_;
  options.accumulative_counts = config_.accumulative_counts;
  options.log_interval = config_.log_interval;
  options.save = {config_.checkpoint.interval, config_.checkpoint.by_epoch};
  options.save_last = config_.checkpoint.save_last;
  if (config_.probe) options.evaluate = {config_.probe->interval, config_.length.by_epoch};
  options.origin = origin_;
  options.amp = amp_;
  options.clip = clip_;
  return options;
}

checkpoint::Manifest Training::manifest() const {
  checkpoint::Manifest manifest;
  manifest.max_iters = max_iters_;
  manifest.max_epochs = config_.length.by_epoch ? max_epochs_ : 0;
  manifest.seed = seed_;
  manifest.config = prepared_.config;
  for (const plugin::Plugin& plugin : prepared_.registry->plugins())
    manifest.plugins.push_back({plugin.file.note.id, plugin.file.note.version, plugin.sha256});
  manifest.world = group_.world();
  manifest.threads = threads_;
  manifest.host_version = SELFSUP_VERSION;
  manifest.libtorch_version = TORCH_VERSION;
  Json facts = machine();
  facts.set("device", device_.description);
  facts.set("dataset_length", dataset_->size());
  facts.set("num_workers", *config_.data.num_workers);
  manifest.extra.set("facts", std::move(facts));
  return manifest;
}

void Training::load() {
  if (const checkpoint::Checkpoint* from = folder_ ? folder_->checkpoint() : nullptr) {
    state_->restore(*from);
    folder_->close_checkpoint();
    origin_ = bridge::Origin::resumed;
    notes_.push_back(fmt::format("resuming from {}, iteration {} of {}", from->path(), start_.iter, max_iters_));
  } else if (!config_.load_from.empty()) {
    const checkpoint::SafetensorsFile file = checkpoint::open_weights(config_.load_from);
    origin_ = bridge::Origin::loaded;
    notes_.push_back(fmt::format("weights of {}: {}", config_.load_from, state_->load_weights(file).text()));
  }
}

void Training::announce() const {
  log_info(fmt::format("{}; threads: {} to train, {} to read images; seed {}", device_.description, threads_,
                       *config_.data.num_workers, seed_));
  log_info(fmt::format("data: {} images, {} iterations of {} an epoch", dataset_->size(), epoch_iters_,
                       config_.data.batch_size));
  log_info(fmt::format("model: {} parameters, {} of them frozen",
                       model_.count(model::Kind::parameter) + model_.count(model::Kind::frozen),
                       model_.count(model::Kind::frozen)));
  log_info(fmt::format("work folder: {}", config_.work_dir));
  if (const checkpoint::Checkpoint* from = folder_->checkpoint())
    for (const std::string& line : changes(from->manifest(), manifest()))
      log_warning(fmt::format(
          "changed since the checkpoint, so the run is no longer exactly the one that was begun: {}", line));
  for (const std::string& note : notes_) log_info(note);
}

double Training::try_first_batch() {
  Rehearsal rehearsal(*evaluation_);
  return loop(rehearsal).first_loss();
}

std::vector<data::BadFile> Training::bad_files() const {
  std::vector<data::BadFile> files = loader_->bad().files;
  const std::vector<data::BadFile> of_probe = evaluation_->bad_files();
  files.insert(files.end(), of_probe.begin(), of_probe.end());
  return files;
}

train::Loop Training::loop(train::Outside& outside) {
  return {{*loader_, *preprocess_, *task_, *optimizer_, *schedules_, scaler_.get(), group_, outside},
          loop_options(),
          device_.device};
}

// While the run is being set up nothing is lost by ending at once.
void Training::check_stop() const {
  if (const auto stop = signals_ ? signals_->requested() : std::nullopt)
    throw Error(*stop, "stopped before the first iteration");
}

Exit Training::run() {
  check_stop();
  try {
    return train_and_evaluate();
  } catch (const Error& error) {
    if (error.exit() == Exit::plugin && algorithm_->stepped()) throw Error(Exit::failed, error.what());
    throw;
  }
}

Exit Training::train_and_evaluate() {
  const std::string metrics = folder_->path() + "/metrics.jsonl";
  const auto begin_folder = [&] {
    folder_->begin(prepared_.config);
    announce();
    const bool probes = config_.probe && (start_.iter >= max_iters_ || loop_options().evaluate.due(start_));
    report::cut_metrics(metrics, start_.iter, probes);
  };
  Watch watch({*state_, folder_->store(), manifest(), *evaluation_, *loader_, device_, *signals_, begin_folder, metrics,
               config_.length.by_epoch});
  train::Loop loop = this->loop(watch);
  Exit exit;
  try {
    exit = loop.run(start_, folder_->checkpoint() ? folder_->checkpoint()->path() : "");
    if (exit == Exit::ok) exit = finish(loop, watch);
  } catch (...) {
    try {
      folder_->list_bad_files(bad_files());
    } catch (const Error& error) {
      log_warning(error.what());  // the run's own error is what counts
    }
    throw;
  }
  folder_->list_bad_files(bad_files());
  log_info(exit == Exit::ok
               ? fmt::format("done: {} iterations", loop.position().iter)
               : fmt::format("stopped at iteration {} and saved; --resume goes on from there", loop.position().iter));
  return exit;
}

// The probe and the picture belong to the end of the run, wherever it was resumed. A stop may come between any two.
Exit Training::finish(train::Loop& loop, Watch& watch) {
  std::vector<std::function<void()>> steps;
  if (config_.probe) {
    steps.push_back([&] { watch.evaluate(loop.position()); });
    if (config_.probe->baselines) {
      steps.push_back([&] { evaluation_->probe_raw_pixels(); });
      steps.push_back([&] { evaluation_->probe_random_initialisation(); });
    }
    steps.push_back([&] { log_info(evaluation_->table()); });
  }
  steps.push_back([&] {
    if (const std::string picture = evaluation_->draw(*dataset_, folder_->path()); !picture.empty())
      log_info(fmt::format("drew {}", picture));
  });
  for (const auto& step : steps) {
    if (const auto stop = watch.stop_requested()) {
      loop.save();
      return *stop;
    }
    step();
  }
  return Exit::ok;
}

}  // namespace selfsup::run
