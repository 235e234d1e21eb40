#include "run/train.h"

#include <fmt/format.h>
#include <torch/version.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <random>

#include "base/log.h"
#include "distributed/values.h"
#include "plugin/ending.h"
#include "plugin/surroundings.h"
#include "run/album.h"
#include "run/attempt.h"
#include "run/bad_files.h"
#include "run/changes.h"
#include "run/environment.h"
#include "run/facts.h"
#include "run/failure.h"
#include "run/run_folder.h"
#include "run/scan.h"
#include "run/training.h"
#include "run/watch.h"
#include "train/signals.h"
#include "train/state.h"

namespace selfsup::run {
namespace {

// While the run is being set up nothing is lost by ending at once. All ranks end, whichever was asked.
void check_stop(const distributed::Group& group) {
  const auto here = train::requested_stop();
  const auto code = static_cast<int>(group.highest(here ? static_cast<double>(*here) : 0));
  if (code > 0) throw Error(static_cast<Exit>(code), "stopped before the first iteration");
}

// A seed that nobody gave is drawn once, by the first rank for all, and written down; a resumed run keeps it.
uint64_t choose_seed(Prepared& prepared, const distributed::Group& group, const config::RunConfig& config,
                     std::optional<uint64_t> earlier) {
  if (config.seed) return *config.seed;
  const uint64_t own = earlier ? *earlier : std::random_device{}() & 0x7fffffffu;
  const uint64_t seed = std::stoull(distributed::broadcast_text(group, std::to_string(own)));
  Json& tree = prepared.config;
  if (!tree.has("randomness")) tree.set("randomness", Json::object());
  tree.find("randomness")->set("seed", static_cast<int64_t>(seed)).source = Source{"default", "drawn", 0, 0};
  return seed;
}

// Where the next rank count goes on from the position of another: as many images of the epoch under way are done.
train::Position position_of(const checkpoint::Manifest& manifest, int64_t world) {
  train::Position at = train::position_of(manifest);
  if (manifest.world != world) at.iter_in_epoch = at.iter_in_epoch * manifest.world / world;
  return at;
}

bool loads_weights(const config::RunConfig& config) { return !config.load_from.empty() || !config.pretrained.empty(); }

Start start_of(const RunFolder& folder, const config::RunConfig& config, int64_t world) {
  Start start;
  if (folder.nothing_to_resume()) start.notes.emplace_back("there is no checkpoint to resume from: starting fresh");
  if (const checkpoint::Checkpoint* from = folder.checkpoint()) {
    const checkpoint::Manifest& manifest = from->manifest();
    start.at = position_of(manifest, world);
    if (manifest.world != world)
      start.notes.push_back(fmt::format(
          "resumed by {} {} where the checkpoint's run had {}: {}the batch of all ranks has "
          "another size, and the learning rate may have to follow it",
          world, world == 1 ? "process" : "ranks", manifest.world,
          start.at.iter_in_epoch > 0
              ? fmt::format("{} batches of the epoch that had begun count as done; ", start.at.iter_in_epoch)
              : ""));
    start.origin = bridge::Origin::resumed;
    start.resumed = &manifest;
    start.known_bad = folder.known_bad();
  } else if (loads_weights(config)) {
    start.origin = bridge::Origin::loaded;
  }
  return start;
}

checkpoint::Manifest manifest_of(const Prepared& prepared, const Settings& settings, const Training& training) {
  checkpoint::Manifest manifest;
  manifest.max_iters = training.course.max_iters();
  manifest.max_epochs = settings.config.length.by_epoch ? training.course.length().max_epochs : 0;
  manifest.seed = training.seed;
  manifest.config = prepared.config;
  for (const plugin::Plugin& plugin : prepared.registry->plugins())
    manifest.plugins.push_back({plugin.file.note.id, plugin.file.note.version, plugin.sha256});
  manifest.world = training.group.world();
  manifest.threads = settings.threads;
  manifest.host_version = SELFSUP_VERSION;
  manifest.libtorch_version = TORCH_VERSION;
  Json conditions = machine();
  conditions.set("device", training.device.description);
  conditions.set(fused_key, training.fused.name);
  conditions.set(length_key, training.data.dataset->size());
  conditions.set("num_workers", *settings.config.data.num_workers);
  manifest.extra.set("facts", std::move(conditions));
  // What builds the model without the images that it learns from.
  manifest.extra.set(views_key, views_json(training.data.views));
  return manifest;
}

void warn_of_low_rate(const Training& training) {
  double base_lr = 0;
  for (const train::Optimizer::Group& group : training.update.optimizer->groups())
    base_lr = std::max(base_lr, group.base_lr);
  if (const std::string text = training.schedules.unfinished_rise(base_lr); !text.empty()) log_warning(text);
}

void announce(const Settings& settings, const Training& training, const RunFolder& folder,
              const checkpoint::Manifest& manifest) {
  const config::RunConfig& config = settings.config;
  const model::ParameterStore& store = training.model.store;
  log_info(fmt::format("{}; threads: {} to train, {} to read images; seed {}", training.device.description,
                       settings.threads, *config.data.num_workers, training.seed));
  const int64_t images = training.data.dataset->size(), world = training.group.world(),
                padding = (world - images % world) % world;
  log_info(fmt::format(
      "data: {} images, {} iterations of {} an epoch{}{}", images, training.course.epoch_iters(),
      config.data.batch_size, world > 1 ? fmt::format(" on each of {} ranks", world) : "",
      padding > 0 ? fmt::format("; {} images are shown twice, so that all ranks have as many", padding) : ""));
  log_info(fmt::format("model: {} parameters, {} of them frozen",
                       store.count(model::Kind::parameter) + store.count(model::Kind::frozen),
                       store.count(model::Kind::frozen)));
  log_info(fmt::format("work folder: {}", config.work_dir));
  if (const checkpoint::Checkpoint* from = folder.checkpoint())
    for (const std::string& change : changes(from->manifest(), manifest))
      log_warning(fmt::format(
          "changed since the checkpoint, so the run is no longer exactly the one that was begun: {}", change));
  for (const std::string& note : training.notes) log_info(note);
  warn_of_low_rate(training);
}

// The loop up to the first batch: what can be refused beforehand is refused here.
train::Loop begun_loop(Training& training, const std::string& last_good = "", bool changes_course = false) {
  train::Loop loop = training.loop(last_good, changes_course);
  loop.begin();
  training.evaluation->rehearse(loop.course().step());
  plugin::restore_surroundings();
  return loop;
}

bool is_of_data(const std::exception& failure) {
  const auto* error = dynamic_cast<const Error*>(&failure);
  return error && error->exit() == Exit::data;
}

Exit train_in(Processes& processes, RunFolder& folder, Prepared& prepared, const Settings& settings,
              Training& training) {
  train::Loop loop =
      begun_loop(training, folder.checkpoint() ? folder.checkpoint()->path() : "", folder.changes_course());
  const checkpoint::Manifest manifest = manifest_of(prepared, settings, training);
  folder.begin(prepared.config);
  if (processes.first()) announce(settings, training, folder, manifest);
  Album album(training, folder, manifest);
  Watch watch(training, folder, album, manifest);
  Exit exit;
  try {
    exit = processes.run([&] { return loop.run(watch); });  // the others are told before the report is drawn
  } catch (const std::exception& failure) {
    plugin::restore_surroundings();
    const std::vector<data::BadFile> bad = training.bad_files_here();  // the other ranks may be gone
    if (is_of_data(failure) && training.group.world() == 1) attempt("", [&] { loop.save_done(watch); });
    attempt("", [&] { folder.list_bad_files(bad); });  // the run's own error is what counts
    album.finish(fmt::format("failed at iteration {}: {}", loop.course().at().iter, failure.what()), bad);
    throw;
  }
  plugin::restore_surroundings();
  const int64_t iter = loop.course().at().iter;
  const std::vector<data::BadFile> bad = training.bad_files.gather(training.bad_files_here());
  folder.list_bad_files(bad);
  album.finish(exit == Exit::ok ? fmt::format("done: {} iterations", iter)
                                : fmt::format("{} at iteration {} of {}, and saved",
                                              exit == Exit::data ? "ended by too many bad images" : "stopped", iter,
                                              loop.course().max_iters()),
               bad);
  log_info(exit == Exit::ok ? fmt::format("done: {} iterations", iter)
                            : fmt::format("stopped at iteration {} and saved; --resume goes on from there", iter));
  if (exit != Exit::data) return exit;
  data::BadReport report = training.loader.bad();
  report.files = training.bad_files.gather(report.files);
  if (processes.first()) log_error(report.error().what());
  return exit;
}

// A transform that hangs, or a file system, is not waited for.
bool is_stuck(data::Loader& loader) {
  constexpr std::chrono::seconds kPatience(10);
  if (loader.stop(kPatience)) return false;
  log_warning(fmt::format("a thread that reads images has not come to an end for {} s; the process ends without it",
                          kPatience.count()));
  return true;
}

// The end of it. A loader's thread that hangs refers to what would be destroyed now: then the process ends here.
Exit train_to_the_end(Processes& processes, RunFolder& folder, Prepared& prepared, const Settings& settings,
                      Training& training) {
  Exit exit = Exit::ok;
  std::exception_ptr failure;
  try {
    exit = train_in(processes, folder, prepared, settings, training);
  } catch (const Error& error) {
    const bool worked = error.exit() == Exit::plugin && training.model.algorithm.stepped();
    failure = worked ? std::make_exception_ptr(Error(Exit::failed, error.what())) : std::current_exception();
  } catch (...) {
    failure = std::current_exception();
  }
  if (is_stuck(training.loader))
    plugin::end_now(run_or_fail([&] {
      if (failure) processes.run([&]() -> Exit { std::rethrow_exception(failure); });
      processes.part();
      return static_cast<int>(exit);
    }));
  if (failure) std::rethrow_exception(failure);
  return exit;
}

// What must be the same on all ranks, and is known only where the images are.
std::vector<std::pair<std::string, std::string>> facts_of(const Data& data) {
  const int64_t size = data.dataset->size();
  return {{"the number of images", std::to_string(size)},
          {"the first and the last image",
           fmt::format("{}, {}", data.dataset->describe(0), data.dataset->describe(size - 1))},
          {"the sizes of the views", to_text(views_json(data.views))}};
}

Exit train_as(Processes& processes, Prepared& prepared, const Settings& settings, bool overwrite) {
  const distributed::Group& group = processes.group();
  const AllData data(prepared, settings.config);
  processes.agree(facts_of(data.data));
  check_stop(group);
  RunFolder folder(settings.config, overwrite, processes);
  check_stop(group);
  const uint64_t seed = choose_seed(prepared, group, settings.config, folder.earlier_seed());
  Training training(prepared, processes, settings, data, seed, start_of(folder, settings.config, group.world()));
  if (const checkpoint::Checkpoint* from = folder.checkpoint()) {
    train::restore(training.keepers, *from);
    training.share_values();
    folder.close_checkpoint();
    training.notes.push_back(fmt::format("resuming from {}, iteration {} of {}", from->path(), from->manifest().iter,
                                         training.course.max_iters()));
  }
  check_stop(group);
  return train_to_the_end(processes, folder, prepared, settings, training);
}

}  // namespace

Exit train(const cli::CommandLine& line) {
  std::unique_ptr<Prepared> prepared;
  std::optional<Settings> settings;
  until_met(line.ranks, [&] {
    prepared = prepare(line);
    settings.emplace(settle(prepared->config, line, prepared->ranks));
  });
  Processes processes(*prepared, *settings);
  train::StopSignals signals;  // until now there is nothing to save, and ranks may wait for others that do not come
  try {
    const Exit exit = processes.run([&] {
      const Exit code = train_as(processes, *prepared, *settings, line.overwrite);
      processes.part();
      return code;
    });
    if (exit != Exit::ok && processes.group().world() > 1) signals.ignore();
    return exit;
  } catch (...) {
    // The launcher's SIGTERM, for the rank that was lost, does not keep this one from saying which it was.
    if (prepared->ranks.world > 1) signals.ignore();
    throw;
  }
}

double first_loss(Prepared& prepared, const cli::CommandLine& line) {
  const Settings settings = settle(prepared.config, line);
  if (line.scan) scan_images(settings.config);
  Processes alone(prepared, settings);
  const AllData data(prepared, settings.config);
  const uint64_t seed = choose_seed(prepared, alone.group(), settings.config, std::nullopt);
  Start start;
  if (loads_weights(settings.config)) start.origin = bridge::Origin::loaded;
  Training training(prepared, alone, settings, data, seed, start);
  for (const std::string& note : training.notes) log_info(note);
  warn_of_low_rate(training);
  return begun_loop(training).first_loss();
}

}  // namespace selfsup::run
