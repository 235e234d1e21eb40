#include "run/training.h"

#include <fmt/format.h>

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <utility>

#include "config/threads.h"
#include "data/loader/first_look.h"
#include "distributed/agreement.h"
#include "distributed/gpus.h"
#include "distributed/single_process.h"
#include "distributed/values.h"
#include "run/facts.h"
#include "run/memory.h"
#include "train/signals.h"
#include "train/state_dict.h"

namespace selfsup::run {
namespace {

constexpr double kPyTorchBucket = 25;  // MiB

train::Schedules make_schedules(const config::RunConfig& config, const train::Course& course) {
  const int64_t max_epochs = course.length().max_epochs, epoch_iters = course.epoch_iters();
  return {config.param_scheduler,
          {epoch_iters, config.length.max_iters.value_or(max_epochs * epoch_iters), max_epochs}};
}

// 0 on the CPU.
size_t gpu_of(const device::Devices& found, const distributed::Group& group, const launch::Ranks& ranks) {
  if (!found.cuda) return 0;
  if (found.shared) return static_cast<size_t>(ranks.local_rank) % found.gpus.size();  // they take turns
  return distributed::own_gpu(group, found.gpus);
}

// On a file system far away they wait, not work.
int reading_threads() {
  constexpr int kLeast = 8;
  return std::max(kLeast, config::allowed_cores());
}

std::vector<data::BadFile> look_at(const data::Dataset& dataset, const config::RunConfig& config) {
  return data::first_look(dataset, config.data.max_bad_fraction, reading_threads(), reading_of(config).pause);
}

// By the first look, or an earlier process of the run.
std::vector<data::BadFile> known_bad(const AllData& all, const Start& start, const config::RunConfig& config) {
  std::vector<data::BadFile> known = all.bad;
  for (const data::BadFile& bad : start.known_bad)
    if (std::ranges::find(all.bad, bad.index, &data::BadFile::index) == all.bad.end()) known.push_back(bad);
  return still_bad(std::move(known), *all.data.dataset, config.data.max_bad_fraction, reading_threads(),
                   reading_of(config).pause);
}

// Over loopback nothing is waited for that could hide behind backward, and messages take their time from the ranks:
// there a few large ones, as PyTorch's, are cheaper.
distributed::ReducerOptions reducer_options(const config::ReduceConfig& config, const launch::Ranks& ranks) {
  if (!config.bucket_mb && ranks.local_world == ranks.world)
    return {config.find_unused_parameters, kPyTorchBucket, config.compress_bf16};
  return {config.find_unused_parameters, config.bucket_mb, config.compress_bf16};
}

}  // namespace

AllData::AllData(const Prepared& prepared, const config::RunConfig& config)
    : data(open_data(prepared, config)),
      bad(look_at(*data.dataset, config)),
      evaluation(evaluate::open_evaluation(config, reading_of(config, prepared.ranks), data.views.front())) {}

Training::Training(Prepared& prepared, Processes& processes, const Settings& settings, const AllData& all,
                   uint64_t seed_, const Start& start)
    : world(*processes.world),
      group(world.group()),
      progress(processes.progress),
      config(settings.config),
      data(all.data),
      seed(seed_),
      notes(start.notes),
      host(prepared.host),
      loader(make_loader(data, config.data, prepared.ranks, seed, known_bad(all, start, config), device)),
      bad_files(loader, group),
      course(length_of(config, loader.batches_per_epoch()), loader.batches_per_epoch(), start.at, start.origin),
      schedules(make_schedules(config, course)),
      model(*prepared.registry, config, known_facts(config, seen(data), course, prepared.ranks), seed,
            choose_device(prepared.ranks, start.resumed),
            [&](model::ParameterStore& declared) { admit(declared, settings.rules, prepared.ranks.local_world); }),
      update(settings, model.store, group, device.device, notes),
      reducer(distributed::make_reducer(world, train::trained_tensors(model.store),
                                        reducer_options(config.reduce, prepared.ranks))),
      step({model.preprocess, model.task, *update.optimizer, update.scaler, group, *reducer, device.device, &progress},
           update.amp, settings.clip),
      telemetry(group, step.judges_norm(), step.logs_norm()),
      keepers{train::keep_model(model.store),
              train::keep_optimizer(*update.optimizer, model.store),
              train::keep_scaler(update.scaler),
              train::keep_rank_tensors(model.store, group),
              train::keep_task(model.task, group),
              train::keep_buckets(*reducer),
              train::keep_window(telemetry.window(), group),
              bad_files.keeper()},
      evaluation(all.evaluation({model.algorithm, model.store, model.preprocess, seed, group})) {
  if (!all.bad.empty())
    notes.push_back(fmt::format("{} image{} of the set cannot be used, by a first look; the first is {}: {}",
                                all.bad.size(), all.bad.size() == 1 ? "" : "s", all.bad.front().path,
                                all.bad.front().reason));
  if (!model.layout_note.empty()) notes.push_back(model.layout_note);
  if (start.origin == bridge::Origin::loaded) {
    for (const config::Pretrained& part : config.pretrained) notes.push_back(model.load_weights(part));
    if (!config.load_from.empty()) notes.push_back(model.load_weights(config.load_from));
  }
  share_values();
}

at::Device Training::choose_device(const launch::Ranks& ranks, const checkpoint::Manifest* resumed) {
  const device::Devices found = device::find_devices(config.device);
  distributed::agree(group, {{"the kind of device", !found.cuda    ? "CPU"
                                                    : found.shared ? "CUDA, shared by ranks"
                                                                   : "CUDA"}});
  device = device::take_device(found, gpu_of(found, group, ranks));
  if (ranks.launcher != launch::Launcher::none && device.cuda)
    world.add_device(c10::DeviceType::CUDA,
                     found.shared ? distributed::BackendMaker()
                                  : device::nccl_maker(device, config.dist_timeout.value_or(kCollectiveTimeout)));
  device::set_numerics({seed, config.deterministic, config.cudnn_benchmark, config.allow_tf32});
  fused = fused_path(config.fused, device.device, resumed);
  notes.push_back(fused.note);
  environment.seed = seed;
  environment.group = &world.plugins();
  environment.device = device.device;
  environment.autocast = train::amp_settings(config.optim_wrapper, device.device.type()).dtype;
  environment.sync_batch_norm = config.sync_batch_norm;
  environment.fused = fused.fused;
  environment.stop_requested = [] { return train::requested_stop().has_value(); };
  host.set_environment(environment);
  return device.device;
}

void Training::admit(model::ParameterStore& declared, const train::ParamRules& rules, int local_world) {
  if (std::string held = train::hold_still(declared, rules); !held.empty()) notes.push_back(std::move(held));
  const Json& optimizer = config.optim_wrapper.get("optimizer");
  Appetite appetite{.trains = true, .optimizer = optimizer.get("type").as_string(), .views = data.views};
  appetite.copies = train::optimizer_types().get(appetite.optimizer).copies(optimizer);
  appetite.batch = std::min(config.data.batch_size, loader.samples_per_epoch());
  appetite.batches = *config.data.num_workers > 0 ? config.data.prefetch + 1 : 1;  // one is with the step
  require_memory(declared, config.model, appetite, device, local_world);
}

train::Loop Training::loop(const std::string& last_good, bool changes_course) {
  train::LoopOptions options;
  options.log_interval = config.log_interval;
  options.save = {config.checkpoint.interval, config.checkpoint.by_epoch};
  options.save_last = config.checkpoint.save_last;
  options.evaluate = evaluation_interval();
  options.changes_course = changes_course;
  return {{loader, step, model.task, *update.optimizer, schedules, group, telemetry, &progress},
          options,
          course,
          last_good};
}

train::Interval Training::evaluation_interval() const {
  return {config.probe ? config.probe->interval : 0, config.length.by_epoch};
}

bool Training::evaluates_at_start() const {
  return config.probe && (course.ended() || evaluation_interval().due(course.at()));
}

std::vector<data::BadFile> Training::bad_files_here() const {
  std::vector<data::BadFile> files = loader.bad().files;
  const std::vector<data::BadFile> judged_by = evaluation->bad_files();
  files.insert(files.end(), judged_by.begin(), judged_by.end());
  return files;
}

std::vector<at::Tensor> Training::shared_buffers() {
  std::vector<at::Tensor> shared;
  for (const model::Entry& entry : model.store.entries())
    if (entry.kind == model::Kind::buffer && !entry.per_rank) shared.push_back(entry.tensor);
  return shared;
}

// Files of one name may differ among machines.
void Training::share_values() {
  if (group.world() == 1) return;
  std::vector<at::Tensor> values = train::untrained_tensors(model.store);
  for (const auto& [name, tensor] : train::trained_tensors(model.store)) values.push_back(tensor);
  distributed::broadcast_values(group, values);
}

void Training::alone(const std::function<void()>& work) {
  const distributed::SingleProcess single;
  bridge::Environment one = environment;
  one.group = &single;
  host.set_environment(one);
  try {
    work();
  } catch (...) {
    host.set_environment(environment);
    throw;
  }
  host.set_environment(environment);
}

void Training::share_buffers() {
  if (group.world() > 1) distributed::broadcast_values(group, shared_buffers());
}

void Training::with_shared_buffers(const std::function<void()>& work) {
  if (group.world() == 1) return work();
  const at::NoGradGuard no_grad;
  const std::vector<at::Tensor> buffers = shared_buffers();
  std::vector<at::Tensor> own;
  for (const at::Tensor& buffer : buffers) own.push_back(buffer.clone());
  share_buffers();
  work();  // one that throws ends the run
  for (size_t i = 0; i < buffers.size(); ++i) buffers[i].copy_(own[i]);
}

}  // namespace selfsup::run
