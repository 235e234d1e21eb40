#include "run/train.h"

#include <c10/util/Exception.h>
#include <fmt/format.h>
#include <torch/version.h>

#include <random>

#include "base/log.h"
#include "evaluate/reconstruction.h"
#include "run/changes.h"
#include "run/environment.h"
#include "run/run_folder.h"
#include "run/training.h"
#include "run/watch.h"
#include "train/signals.h"
#include "train/state.h"

namespace selfsup::run {
namespace {

// While the run is being set up nothing is lost by ending at once.
void check_stop() {
  if (const auto stop = train::requested_stop()) throw Error(*stop, "stopped before the first iteration");
}

// A seed that nobody gave is drawn once, for all ranks, and written down; a resumed run keeps it.
uint64_t choose_seed(Prepared& prepared, const config::RunConfig& config, std::optional<uint64_t> earlier) {
  if (config.seed) return *config.seed;
  const uint64_t seed =
      earlier ? *earlier : static_cast<uint64_t>(prepared.group.highest(std::random_device{}() & 0x7fffffffu));
  Json& tree = prepared.config;
  if (!tree.has("randomness")) tree.set("randomness", Json::object());
  tree.find("randomness")->set("seed", static_cast<int64_t>(seed)).source = Source{"default", "drawn", 0, 0};
  return seed;
}

Start start_of(const RunFolder& folder, const config::RunConfig& config) {
  Start start;
  if (folder.nothing_to_resume()) start.notes.emplace_back("there is no checkpoint to resume from: starting fresh");
  if (const checkpoint::Checkpoint* from = folder.checkpoint()) {
    start.at = train::position_of(from->manifest());
    start.origin = bridge::Origin::resumed;
    start.known_bad = folder.known_bad();
  } else if (!config.load_from.empty()) {
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
  conditions.set("dataset_length", training.data.dataset->size());
  conditions.set("num_workers", *settings.config.data.num_workers);
  manifest.extra.set("facts", std::move(conditions));
  return manifest;
}

void announce(const Settings& settings, const Training& training, const RunFolder& folder,
              const checkpoint::Manifest& manifest) {
  const config::RunConfig& config = settings.config;
  const model::ParameterStore& store = training.model.store;
  log_info(fmt::format("{}; threads: {} to train, {} to read images; seed {}", training.device.description,
                       settings.threads, *config.data.num_workers, training.seed));
  log_info(fmt::format("data: {} images, {} iterations of {} an epoch", training.data.dataset->size(),
                       training.course.epoch_iters(), config.data.batch_size));
  log_info(fmt::format("model: {} parameters, {} of them frozen",
                       store.count(model::Kind::parameter) + store.count(model::Kind::frozen),
                       store.count(model::Kind::frozen)));
  log_info(fmt::format("work folder: {}", config.work_dir));
  if (const checkpoint::Checkpoint* from = folder.checkpoint())
    for (const std::string& change : changes(from->manifest(), manifest))
      log_warning(fmt::format(
          "changed since the checkpoint, so the run is no longer exactly the one that was begun: {}", change));
  for (const std::string& note : training.notes) log_info(note);
}

// A picture that fails does not end the run that it is of.
void draw(Training& training, const bridge::Step& step, const std::string& folder) try {
  const std::string path =
      evaluate::draw_reconstruction(training.model.algorithm, training.model.preprocess, *training.data.dataset,
                                    training.data.pipeline, training.seed, step, folder);
  if (!path.empty()) log_info(fmt::format("drew {}", path));
} catch (const c10::Error& error) {
  log_warning(fmt::format("no picture was drawn: {}", error.what_without_backtrace()));
} catch (const std::exception& error) {
  log_warning(fmt::format("no picture was drawn: {}", error.what()));
}

// The last evaluation and the picture belong to the end of the run, wherever it was resumed. A stop may come between
// any two.
Exit finish(train::Loop& loop, Watch& watch, Training& training, const std::string& folder) {
  const bridge::Step step = loop.course().step();
  std::vector<std::function<void()>> works = watch.closing(step);
  works.push_back([&] { draw(training, step, folder); });
  for (const auto& work : works) {
    if (const auto stop = loop.stop_requested()) {
      loop.save();
      return *stop;
    }
    work();
  }
  return Exit::ok;
}

Exit train_in(RunFolder& folder, Prepared& prepared, const Settings& settings, Training& training) {
  const std::string metrics = folder.path() + "/metrics.jsonl";
  const checkpoint::Manifest manifest = manifest_of(prepared, settings, training);
  const std::string from = folder.checkpoint() ? folder.checkpoint()->path() : "";
  const auto begin_folder = [&] {
    folder.begin(prepared.config);
    announce(settings, training, folder, manifest);
    report::cut_metrics(metrics, training.course.at().iter, training.evaluates_at_start());
  };
  Watch watch({training, folder.store(), manifest, begin_folder, metrics});
  train::Loop loop = training.loop(watch, from);
  Exit exit;
  try {
    exit = loop.run();
    if (exit == Exit::ok) exit = finish(loop, watch, training, folder.path());
  } catch (...) {
    try {
      folder.list_bad_files(training.bad_files());
    } catch (const Error& error) {
      log_warning(error.what());  // the run's own error is what counts
    }
    throw;
  }
  folder.list_bad_files(training.bad_files());
  log_info(exit == Exit::ok ? fmt::format("done: {} iterations", loop.course().at().iter)
                            : fmt::format("stopped at iteration {} and saved; --resume goes on from there",
                                          loop.course().at().iter));
  return exit;
}

// The outside of a loop that is not run: no more than its beginning.
class Rehearsal final : public train::Outside {
 public:
  explicit Rehearsal(evaluate::Evaluation& evaluation) : evaluation_(evaluation) {}
  void begin(const bridge::Step& step) override { evaluation_.rehearse(step); }
  std::string save(const std::string&, const train::Position&) override { return ""; }

 private:
  evaluate::Evaluation& evaluation_;
};

}  // namespace

Exit train(Prepared& prepared, const cli::CommandLine& line) {
  const train::StopSignals signals;
  const Settings settings = settle(prepared.config, line);
  const AllData data(prepared, settings.config);
  check_stop();
  RunFolder folder(settings.config, line.overwrite);
  check_stop();
  const uint64_t seed = choose_seed(prepared, settings.config, folder.earlier_seed());
  Training training(prepared, settings, data, seed, start_of(folder, settings.config));
  if (const checkpoint::Checkpoint* from = folder.checkpoint()) {
    train::restore(training.keepers, *from);
    folder.close_checkpoint();
    training.notes.push_back(fmt::format("resuming from {}, iteration {} of {}", from->path(), from->manifest().iter,
                                         training.course.max_iters()));
  }
  check_stop();
  try {
    return train_in(folder, prepared, settings, training);
  } catch (const Error& error) {
    if (error.exit() == Exit::plugin && training.model.algorithm.stepped()) throw Error(Exit::failed, error.what());
    throw;
  }
}

double first_loss(Prepared& prepared, const cli::CommandLine& line) {
  const Settings settings = settle(prepared.config, line);
  const AllData data(prepared, settings.config);
  const uint64_t seed = choose_seed(prepared, settings.config, std::nullopt);
  Start start;
  if (!settings.config.load_from.empty()) start.origin = bridge::Origin::loaded;
  Training training(prepared, settings, data, seed, start);
  Rehearsal rehearsal(*training.evaluation);
  return training.loop(rehearsal).first_loss();
}

}  // namespace selfsup::run
