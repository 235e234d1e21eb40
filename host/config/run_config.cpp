#include "config/run_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <utility>

#include "base/errors.h"
#include "config/layers.h"

namespace selfsup::config {
namespace {

const Json& node_or_empty(const Json& parent, std::string_view key) {
  static const Json empty = Json::object();
  const Json* node = parent.find(key);
  return node && node->is_object() ? *node : empty;
}

std::optional<int64_t> int_if_any(const Json& node, std::string_view key) {
  const Json* value = node.find(key);
  if (!value || value->is_null()) return std::nullopt;
  return value->as_int();
}

// A path that has to be there.
std::string existing_path(const Json& value, std::string_view key) {
  std::error_code failed;
  if (!std::filesystem::exists(value.as_string(), failed))
    throw Error(Exit::usage,
                fmt::format("{}: {}: there is no file or folder {}", describe(value.origin), key, value.as_string()));
  return value.as_string();
}

DataConfig read_data(const Json& loader, const Origin& whole) {
  DataConfig data;
  data.dataset = loader.get("dataset");
  if (const Json* own = data.dataset.find("pipeline")) {
    data.pipeline = *own;
  } else if (const Json* common = loader.find("pipeline")) {
    data.pipeline = *common;
  } else {
    data.pipeline = Json::array();
  }
  data.dataset.erase("pipeline");
  const auto batch = int_if_any(loader, "batch_size");
  if (!batch)
    throw Error(Exit::usage,
                fmt::format("{}: train_dataloader: 'batch_size' is missing", describe(place_to_add(loader, whole))));
  data.batch_size = *batch;
  data.num_workers = int_if_any(loader, "num_workers");
  data.prefetch = loader.get_int("prefetch_factor", 2);
  data.drop_last = loader.get_bool("drop_last", false);
  data.shuffle = node_or_empty(loader, "sampler").get_bool("shuffle", true);
  data.max_bad_fraction = loader.get_double("max_bad_fraction", 0.001);
  return data;
}

// How high the layer lies that gave a value.
auto height(const Json& value) {
  static constexpr std::string_view layers[] = {"default", "plugin", "base", "file", "cfg-options", "flag"};
  return std::find(std::begin(layers), std::end(layers), value.origin.layer);
}

// A layer that gives `key` met what lower ones say of the run's length.
Error length_conflict(const Json& train_cfg, const char* key, const std::string& what) {
  const Json& value = train_cfg.get(key);
  return Error(Exit::usage, fmt::format("{}: train_cfg.{}: {}; to replace the length that a lower layer gives, write "
                                        "--cfg-options 'train_cfg={{\"_delete_\": true, \"{}\": {}}}', or the same "
                                        "object in the file",
                                        describe(value.origin), key, what, key, to_text(value)));
}

TrainLength read_length(const Json& train_cfg, const Origin& whole) {
  TrainLength length;
  length.max_epochs = int_if_any(train_cfg, "max_epochs");
  length.max_iters = int_if_any(train_cfg, "max_iters");
  if (!length.max_epochs && !length.max_iters)
    throw Error(Exit::usage, fmt::format("{}: train_cfg: expected max_epochs or max_iters, the length of the run",
                                         describe(place_to_add(train_cfg, whole))));
  if (length.max_epochs && length.max_iters) {
    const bool epochs_win = height(train_cfg.get("max_epochs")) >= height(train_cfg.get("max_iters"));
    const char* other = epochs_win ? "max_iters" : "max_epochs";
    throw length_conflict(
        train_cfg, epochs_win ? "max_epochs" : "max_iters",
        fmt::format("excludes {}, which is given at {}", other, describe(train_cfg.get(other).origin)));
  }
  length.by_epoch = length.max_epochs.has_value();
  const std::string type = train_cfg.get_string("type", length.by_epoch ? "EpochBasedTrainLoop" : "IterBasedTrainLoop");
  const bool epochs_wanted = train_cfg.get_bool("by_epoch", type == "EpochBasedTrainLoop");
  if (epochs_wanted != length.by_epoch)
    throw length_conflict(train_cfg, length.by_epoch ? "max_epochs" : "max_iters",
                          fmt::format("the run is counted in {}, says {}", epochs_wanted ? "epochs" : "iterations",
                                      describe(train_cfg.get(train_cfg.has("by_epoch") ? "by_epoch" : "type").origin)));
  return length;
}

CheckpointConfig read_checkpoint(const Json& hook, bool by_epoch) {
  CheckpointConfig checkpoint;
  checkpoint.by_epoch = hook.get_bool("by_epoch", by_epoch);
  // A run counted in iterations has no natural interval: it saves at its end unless told otherwise.
  checkpoint.interval = hook.get_int("interval", checkpoint.by_epoch ? 1 : 0);
  checkpoint.keep = static_cast<int>(hook.get_int("max_keep_ckpts", 3));
  if (checkpoint.keep == 0 || checkpoint.keep < -1)
    throw Error(Exit::usage, fmt::format("{}: default_hooks.checkpoint.max_keep_ckpts: expected at least 1, or -1 for "
                                         "all, found {}",
                                         describe(hook.get("max_keep_ckpts").origin), checkpoint.keep));
  checkpoint.save_last = hook.get_bool("save_last", true);
  return checkpoint;
}

ProbeConfig read_probe(const Json& node) {
  ProbeConfig probe;
  probe.dataset = node.get("dataset");
  probe.test_dataset = node.get("test_dataset");
  probe.bank = node.get_int("bank", probe.bank);
  probe.queries = node.get_int("queries", probe.queries);
  probe.interval = node.get_int("interval", probe.interval);
  probe.k = node.get_int("k", probe.k);
  probe.few_labels = node.get_int("few_labels", probe.few_labels);
  probe.draws = node.get_int("draws", probe.draws);
  probe.batch_size = node.get_int("batch_size", probe.batch_size);
  probe.temperature = node.get_double("temperature", probe.temperature);
  probe.baselines = node.get_bool("baselines", probe.baselines);
  probe.feature = node.get_string("feature", "");
  return probe;
}

}  // namespace

RunConfig read_run_config(const Json& config) {
  RunConfig run;
  run.model = config.get("model");
  if (const Json* inside = run.model.find("data_preprocessor")) run.data_preprocessor = *inside;
  if (const Json* top = config.find("data_preprocessor")) {
    if (!run.data_preprocessor.is_null() && !(run.data_preprocessor == *top))
      throw Error(Exit::usage,
                  fmt::format("{}: data_preprocessor is given here and, otherwise, in model.data_preprocessor ({})",
                              describe(top->origin), describe(run.data_preprocessor.origin)));
    run.data_preprocessor = *top;
  }
  run.model.erase("data_preprocessor");
  run.data = read_data(config.get("train_dataloader"), config.origin);
  run.optim_wrapper = config.get("optim_wrapper");
  run.accumulative_counts = run.optim_wrapper.get_int("accumulative_counts", 1);
  if (const Json* schedule = config.find("param_scheduler")) run.param_scheduler = *schedule;
  run.length = read_length(config.get("train_cfg"), config.origin);
  const Json& hooks = node_or_empty(config, "default_hooks");
  run.log_interval = node_or_empty(hooks, "logger").get_int("interval", 10);
  run.checkpoint = read_checkpoint(node_or_empty(hooks, "checkpoint"), run.length.by_epoch);
  const Json& randomness = node_or_empty(config, "randomness");
  if (const auto seed = int_if_any(randomness, "seed")) run.seed = static_cast<uint64_t>(*seed);
  run.deterministic = randomness.get_bool("deterministic", false);
  const Json& scale = node_or_empty(config, "auto_scale_lr");
  run.auto_scale_lr = scale.get_bool("enable", false);
  run.base_batch_size = int_if_any(scale, "base_batch_size");
  if (run.auto_scale_lr && !run.base_batch_size)
    throw Error(Exit::usage,
                "auto_scale_lr.base_batch_size is missing: the batch for which optim_wrapper.optimizer.lr was chosen");
  const Json& probe = node_or_empty(config, "probe");
  if (probe.has("dataset")) run.probe = read_probe(probe);
  run.device = config.get_string("device", "auto");
  if (const Json* folder = config.find("work_dir")) {
    run.work_dir = folder->as_string();
    if (run.work_dir.empty())
      throw Error(Exit::usage,
                  fmt::format("{}: work_dir: expected a folder, found an empty text", describe(folder->origin)));
  }
  if (const Json* weights = config.find("load_from"); weights && !weights->is_null())
    run.load_from = existing_path(*weights, "load_from");
  if (const Json* resume = config.find("resume")) {
    if (resume->is_string()) {
      run.resume = ResumeFrom::path;
      run.resume_path = existing_path(*resume, "resume");
    } else if (resume->is_bool() && resume->as_bool()) {
      // load_from is where a run without a checkpoint of its own begins. (MMEngine goes on from load_from whenever both
      // are set, so that each requeue of a job throws away what the one before has done.)
      run.resume = ResumeFrom::newest;
    }
  }
  run.num_threads = int_if_any(node_or_empty(config, "env_cfg"), "num_threads");
  return run;
}

}  // namespace selfsup::config
