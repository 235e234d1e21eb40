#include "run/training.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <torch/version.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include "base/log.h"
#include "bridge/transform.h"
#include "config/threads.h"
#include "report/log_line.h"
#include "run/changes.h"
#include "run/commands.h"
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

// The seed that the run to resume drew, if its files tell.
std::optional<uint64_t> drawn_seed(const config::RunConfig& config) {
  if (config.resume == config::ResumeFrom::path) return checkpoint::Checkpoint(config.resume_path).manifest().seed;
  const std::string file = config.work_dir + "/config.json";
  if (config.resume == config::ResumeFrom::nothing || !fs::exists(file)) return std::nullopt;
  const Json resolved = read_json_file(file, "file");
  const Json* seed = resolved.at_path("randomness.seed");
  return seed ? std::optional<uint64_t>(static_cast<uint64_t>(seed->as_int())) : std::nullopt;
}

// A seed that nobody gave is drawn once and written down; a resumed run keeps it.
uint64_t choose_seed(const config::RunConfig& config, Json& tree) {
  if (config.seed) return *config.seed;
  const uint64_t seed = drawn_seed(config).value_or(std::random_device{}() & 0x7fffffffu);
  if (!tree.has("randomness")) tree.set("randomness", Json::object());
  tree.find("randomness")->set("seed", static_cast<int64_t>(seed)).origin = Origin{"default", "drawn", 0, 0};
  return seed;
}

// Whole or not at all, so that a kill leaves no torn file.
void write_text(const std::string& path, const std::string& text) {
  const std::string unfinished = path + ".tmp";
  std::ofstream file(unfinished, std::ios::trunc);
  file << text;
  file.close();
  std::error_code failed;
  if (file) fs::rename(unfinished, path, failed);
  if (!file || failed) throw Error(Exit::storage, "cannot write " + path);
}

}  // namespace

Training::Training(Prepared& prepared, const config::CommandLine& line)
    : prepared_(prepared),
      config_(read_config(prepared.config, line.target)),
      overwrite_(line.overwrite),
      device_(device::choose_device(config_.device)),
      threads_(device::set_threads(static_cast<int>(config_.num_threads.value_or(0)), 1)),
      seed_(choose_seed(config_, prepared.config)) {
  device::set_randomness({seed_, config_.deterministic});
  bridge::Environment environment;
  environment.seed = seed_;
  environment.rank = group_.rank();
  environment.world = group_.world();
  environment.device = device_.device;
  prepared_.host.set_environment(environment);
  build_data();
  build_model();
  scale_learning_rate();
  build_optimizer();
}

void Training::build_data() {
  const config::DataConfig& data = config_.data;
  dataset_ = data::make_dataset(data.dataset);
  pipeline_ =
      data::Pipeline(data.pipeline, bridge::transform_factory(*prepared_.registry, stated_facts(prepared_.config)));
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
  loader_ = std::make_unique<data::Loader>(
      *dataset_, pipeline_, options, device_.cuda ? device::allocate_pinned : data::reusing(data::allocate_pageable));
  epoch_iters_ = loader_->batches_per_epoch();
  max_epochs_ =
      config_.length.max_epochs.value_or((config_.length.max_iters.value_or(0) + epoch_iters_ - 1) / epoch_iters_);
  max_iters_ = config_.length.max_iters.value_or(max_epochs_ * epoch_iters_);

  data::ImageShape shape = dataset_->image_shape();
  if (shape.height == 0)
    shape = {512, 512, dataset_->channels()};  // the pipeline decides; if not, the first batch will say
  const std::vector<data::ImageShape> views = pipeline_.output_shapes(shape);
  view_ = views.front();
  views_ = static_cast<int64_t>(views.size());
  preprocess_.emplace(config_.data_preprocessor, view_.channels, device_.device);
}

void Training::build_model() {
  bridge::Facts facts;
  facts.dataset_length = dataset_->size();
  facts.batch_size = config_.data.batch_size;
  facts.global_batch = config_.data.batch_size * group_.world();
  facts.micros = config_.accumulative_counts;
  facts.drop_last = config_.data.drop_last;
  facts.epoch_iters = epoch_iters_;
  facts.max_iters = max_iters_;
  facts.max_updates = (max_iters_ + config_.accumulative_counts - 1) / config_.accumulative_counts;
  if (config_.length.by_epoch) facts.max_epochs = max_epochs_;
  facts.world = group_.world();
  facts.views = views_;
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
  log_info(
      fmt::format("auto_scale_lr: {} x {} / {} = {} (images of an optimizer step: {} a rank x {} ranks x {} "
                  "accumulated, over base_batch_size)",
                  before, batch, *config_.base_batch_size, after, config_.data.batch_size, group_.world(),
                  config_.accumulative_counts));
  *lr = Json(after);
}

void Training::build_optimizer() {
  const Json& wrapper = config_.optim_wrapper;
  const Json& optimizer = wrapper.get("optimizer");
  const Json* paramwise = wrapper.find("paramwise_cfg");
  const train::ParamRules rules(paramwise ? *paramwise : Json());
  const std::vector<model::Entry*> trained = model_.trained();
  optimizer_ = train::make_optimizer(optimizer, train::group_parameters(trained, rules, train::configured_lr(optimizer),
                                                                        train::configured_weight_decay(optimizer)));
  schedules_.emplace(config_.param_scheduler, train::RunLength{epoch_iters_, max_iters_, max_epochs_});
  amp_ = train::amp_settings(wrapper, device_.device.type());
  if (amp_.scaled) scaler_ = std::make_unique<train::GradScaler>(amp_, device_.device);
  task_ = std::make_unique<train::AlgorithmTask>(*algorithm_);
  state_.emplace(model_, *optimizer_, scaler_.get(), *task_);
}

train::LoopOptions Training::loop_options() const {
  train::LoopOptions options;
  options.by_epoch = config_.length.by_epoch;
  options.max_iters = max_iters_;
  options.max_epochs = max_epochs_;
  options.accumulative_counts = config_.accumulative_counts;
  options.log_interval = config_.log_interval;
  options.save = {config_.checkpoint.interval, config_.checkpoint.by_epoch};
  options.save_last = config_.checkpoint.save_last;
  if (config_.probe) options.evaluate = {config_.probe->interval, config_.length.by_epoch};
  options.origin = origin_;
  options.amp = amp_;
  const Json* clip = config_.optim_wrapper.find("clip_grad");
  options.clip = train::clip_settings(clip ? *clip : Json());
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
  return manifest;
}

void Training::start_log(const std::string& folder) const {
  open_log_file(folder + "/run.log");
  write_text(folder + "/config.json", to_text(prepared_.config, 2) + "\n");
  log_info(environment_text());
}

void Training::announce() const {
  log_info(fmt::format("{}; {} threads train, {} read images; seed {}", device_.description, threads_,
                       *config_.data.num_workers, seed_));
  log_info(fmt::format("data: {} images, {} iterations of {} an epoch", dataset_->size(), epoch_iters_,
                       config_.data.batch_size));
  log_info(fmt::format("model: {} parameters, {} of them frozen",
                       model_.count(model::Kind::parameter) + model_.count(model::Kind::frozen),
                       model_.count(model::Kind::frozen)));
  log_info(fmt::format("work folder: {}", config_.work_dir));
}

std::optional<checkpoint::Checkpoint> Training::checkpoint_to_resume(checkpoint::CheckpointStore& store) const {
  switch (config_.resume) {
    case config::ResumeFrom::path:
      return checkpoint::Checkpoint(config_.resume_path);
    case config::ResumeFrom::newest: {
      auto found = store.newest_valid();
      if (!found) log_info("there is no checkpoint to resume from: starting fresh");
      return found;
    }
    case config::ResumeFrom::nothing:
      break;
  }
  return std::nullopt;
}

void Training::load_weights() {
  const checkpoint::SafetensorsFile file = checkpoint::open_weights(config_.load_from);
  log_info(fmt::format("weights of {}: {}", config_.load_from, state_->load_weights(file).text()));
  origin_ = bridge::Origin::loaded;
}

double Training::try_first_batch() {
  loader_->start(0);
  data::Batch batch;
  if (!loader_->next(batch)) throw Error(Exit::data, "the data set gives no batch");
  bridge::Step step;
  step.max_iters = static_cast<uint64_t>(max_iters_);
  task_->on_event(step, bridge::Event::ready);
  const at::NoGradGuard no_grad;
  double loss = 0;
  for (const bridge::NamedTensor& term : task_->training_step(step, preprocess_->prepare(batch)))
    if (term.is_loss()) loss += term.value.item<double>();
  return loss;
}

void Training::list_bad_files(const std::string& folder) const {
  const std::vector<data::BadFile>& files = loader_->bad().files;
  if (files.empty()) return;
  std::string list;
  for (const data::BadFile& bad : files) list += fmt::format("{}\t{}\n", bad.path, bad.reason);
  write_text(folder + "/bad_files.txt", list);
  log_warning(fmt::format("{} images could not be used; {}/bad_files.txt lists them", files.size(), folder));
}

Exit Training::run() {
  try {
    return train_and_evaluate();
  } catch (const Error& error) {
    if (error.exit() == Exit::plugin && algorithm_->stepped()) throw Error(Exit::failed, error.what());
    throw;
  }
}

Exit Training::train_and_evaluate() {
  using checkpoint::IfUsed;
  const IfUsed if_used = overwrite_                                      ? IfUsed::overwrite
                         : config_.resume == config::ResumeFrom::nothing ? IfUsed::refuse
                                                                         : IfUsed::resume;
  const checkpoint::WorkDir work_dir(config_.work_dir, if_used);
  const std::string& folder = work_dir.path();
  start_log(folder);
  if (!work_dir.moved_to().empty()) log_info(fmt::format("the run that was here is now in {}", work_dir.moved_to()));
  announce();

  checkpoint::CheckpointStore store(work_dir.checkpoints(), config_.checkpoint.keep);
  train::Position start;
  std::string last_good;
  if (const auto checkpoint = checkpoint_to_resume(store)) {
    for (const std::string& line : changes(checkpoint->manifest(), manifest()))
      log_warning(fmt::format(
          "changed since the checkpoint, so the run is no longer exactly the one that was begun: {}", line));
    start = state_->restore(*checkpoint);
    last_good = checkpoint->path();
    origin_ = bridge::Origin::resumed;
    store.go_on_from(checkpoint->manifest());
    log_info(fmt::format("resuming from {}, iteration {} of {}", last_good, start.iter,
                         start.iter + loop_options().batches_left(start, epoch_iters_)));
  } else if (!config_.load_from.empty()) {
    load_weights();
  }
  const std::string metrics = folder + "/metrics.jsonl";
  report::cut_metrics_after(metrics, start.iter);

  Evaluation evaluation(config_, *algorithm_, model_, *preprocess_, view_, device_.device, seed_);
  Watch watch({*state_, store, manifest(), evaluation, device_, metrics, config_.length.by_epoch});
  train::Loop loop({*loader_, *preprocess_, *task_, *optimizer_, *schedules_, scaler_.get(), group_, watch},
                   loop_options(), device_.device);
  Exit exit;
  try {
    exit = loop.run(start, last_good);
  } catch (...) {
    list_bad_files(folder);
    throw;
  }
  list_bad_files(folder);
  if (exit == Exit::ok) {
    // The probe and the picture belong to the end of the run, wherever it was resumed.
    if (evaluation.has_probe()) {
      watch.evaluate(loop.position());
      if (config_.probe->baselines) evaluation.probe_baselines();
      watch.say(evaluation.table());
    }
    if (const std::string picture = evaluation.draw(*dataset_, folder); !picture.empty())
      watch.say(fmt::format("drew {}", picture));
    watch.say(fmt::format("done: {} iterations", loop.position().iter));
  } else {
    watch.say(fmt::format("stopped at iteration {} and saved; --resume goes on from there", loop.position().iter));
  }
  return exit;
}

}  // namespace selfsup::run
