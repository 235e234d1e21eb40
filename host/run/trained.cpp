#include "run/trained.h"

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "base/log.h"
#include "checkpoint/names.h"
#include "checkpoint/store.h"
#include "config/pretrained.h"
#include "data/loader/sampler.h"
#include "distributed/single_process.h"
#include "run/changes.h"
#include "run/fused_path.h"
#include "run/memory.h"
#include "train/keeper.h"
#include "train/state.h"
#include "train/state_dict.h"

namespace selfsup::run {
namespace {

namespace fs = std::filesystem;

bool is_folder(const std::string& path) {
  std::error_code failed;
  return fs::is_directory(path, failed);
}

// Without what a command that only looks does not do: taking other weights, going on, mixed precision.
void only_look(Json& tree) {
  tree.erase("load_from");
  config::set_aside_pretrained(*tree.find("model"));
  tree.set("resume", false);
  tree.find("optim_wrapper")->set("type", "OptimWrapper");
}

// "NAME", also of "plugin.id:NAME".
std::string bare_name(const std::string& type) { return type.substr(type.rfind(':') + 1); }

// Of what decides about the model, one line a difference.
std::string model_changes(const checkpoint::Manifest& of_checkpoint, const Json& config) {
  checkpoint::Manifest now = of_checkpoint;
  now.config = config;
  std::string text;
  for (const std::string& change : changes(of_checkpoint, now))
    if (change.starts_with("model.")) text += fmt::format("\n  {} (checkpoint -> configuration)", change);
  return text;
}

// Before a model is built for the images that the checkpoint's run has seen.
std::optional<checkpoint::Checkpoint> of_this_algorithm(std::optional<checkpoint::Checkpoint> checkpoint,
                                                        const config::RunConfig& config) {
  const Json* type = checkpoint ? checkpoint->manifest().config.at_path("model.type") : nullptr;
  const std::string own = bare_name(config.model.get("type").as_string());
  if (type && bare_name(type->as_string()) != own)
    throw Error(Exit::checkpoint, fmt::format("{} is a checkpoint of {}, and the configuration is one of {}: give the "
                                              "checkpoint alone, or a configuration that fits",
                                              checkpoint->path(), bare_name(type->as_string()), own));
  return checkpoint;
}

}  // namespace

TrainedConfig open_trained_config(const cli::CommandLine& line, bool only_folder) {
  std::optional<checkpoint::Checkpoint> target;
  if (only_folder || is_folder(line.target)) target = checkpoint::checkpoint_at(line.target);
  std::unique_ptr<Prepared> prepared = target ? prepare(line, whole(target->manifest().config)) : prepare(line);
  only_look(prepared->config);
  Settings settings = settle(prepared->config, line);
  return {std::move(prepared), std::move(settings), std::move(target)};
}

Past past_of(const TrainedConfig& from, const std::optional<checkpoint::Checkpoint>& checkpoint) {
  const config::RunConfig& config = from.settings.config;
  SeenData images;
  const Json* views = checkpoint ? checkpoint->manifest().extra.find(views_key) : nullptr;
  const Json* length = checkpoint ? checkpoint->manifest().extra.at_path(fmt::format("facts.{}", length_key)) : nullptr;
  if (views && length) {
    images = {parse_length(*length, checkpoint->path()), parse_views(*views, checkpoint->path())};
  } else {
    images = seen(open_data(*from.prepared, config));
  }
  data::Sampler::Options options{.size = images.length, .batch_size = config.data.batch_size};
  options.drop_last = config.data.drop_last;
  const int64_t epoch_iters = std::max<int64_t>(1, data::Sampler(options).batches());
  const train::Course course(length_of(config, epoch_iters), epoch_iters,
                             checkpoint ? train::position_of(checkpoint->manifest()) : train::Position(),
                             checkpoint ? bridge::Origin::resumed : bridge::Origin::loaded);
  return {std::move(images), course};
}

Trained::Trained(const cli::CommandLine& line)
    : from_(open_trained_config(line)),
      checkpoint_(of_this_algorithm(find_checkpoint(line), config())),
      seed_(config().seed.value_or(checkpoint_ ? checkpoint_->manifest().seed : 0)),
      past_(past_of(from_, checkpoint_)),
      model(*from_.prepared->registry, config(), known_facts(config(), past_.seen, past_.course, from_.prepared->ranks),
            seed_, choose_device(), [&](model::ParameterStore& declared) {
              require_memory(declared, config().model, {}, device, /*local_ranks=*/1);
            }) {
  if (checkpoint_) {
    take_checkpoint();
  } else {
    log_info(model.load_weights(*line.checkpoint));
  }
  const at::NoGradGuard no_grad;
  model.task.on_event(at(), bridge::Event::ready);
}

std::optional<checkpoint::Checkpoint> Trained::find_checkpoint(const cli::CommandLine& line) {
  if (line.checkpoint) {
    std::error_code failed;
    if (!fs::exists(*line.checkpoint, failed))
      throw Error(Exit::usage, fmt::format("--checkpoint: there is nothing at {}", *line.checkpoint));
    if (!is_folder(*line.checkpoint)) return std::nullopt;
    return checkpoint::checkpoint_at(*line.checkpoint);
  }
  if (from_.target) return std::exchange(from_.target, std::nullopt);
  const std::string& folder = config().work_dir;
  if (!is_folder(folder + "/checkpoints"))
    throw Error(Exit::usage, fmt::format("the work folder {} holds no checkpoint: train first, or name another with "
                                         "--work-dir, or a checkpoint with --checkpoint PATH",
                                         folder));
  return checkpoint::checkpoint_at(folder);
}

at::Device Trained::choose_device() {
  device = device::take_device(device::find_devices(config().device), 0);
  device::set_numerics({seed_, config().deterministic, false, config().allow_tf32});
  bridge::Environment environment;
  environment.seed = seed_;
  environment.device = device.device;
  // What a run on a CPU insisted on does not keep its network from being looked at on a GPU.
  const bool on_gpu = config().fused == config::Fused::on && !device.device.is_cpu();
  const config::Fused wanted = on_gpu ? config::Fused::automatic : config().fused;
  environment.fused = fused_path(wanted, device.device, checkpoint_ ? &checkpoint_->manifest() : nullptr).fused;
  from_.prepared->host.set_environment(environment);
  return device.device;
}

void Trained::take_checkpoint() {
  const checkpoint::Manifest& manifest = checkpoint_->manifest();
  const std::string& path = checkpoint_->path();
  {
    const checkpoint::SafetensorsFile file = checkpoint_->tensors(train::model_file);
    const checkpoint::StrictReport report =
        train::compare(train::model_tensors(model.store), train::tensors_in(file), /*check_dtype=*/true);
    if (!report.exact())
      throw Error(Exit::checkpoint, fmt::format("{} holds another model than the configuration describes.{}\n{}", path,
                                                model_changes(manifest, from_.prepared->config), report.text()));
  }
  const distributed::SingleProcess alone;
  train::restore({train::keep_model(model.store), train::keep_task(model.task, alone)}, *checkpoint_);
  log_info(fmt::format("{}: {}, iteration {} of {}", path, bare_name(config().model.get("type").as_string()),
                       manifest.iter, manifest.max_iters));
  checkpoint_->close();
}

}  // namespace selfsup::run
