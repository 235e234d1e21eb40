#include "config/run_config.h"

#include <fmt/format.h>

#include <utility>

#include "base/errors.h"

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

DataConfig read_data(const Json& loader) {
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
    throw Error(Exit::usage, fmt::format("{}: train_dataloader: 'batch_size' is missing", describe(loader.origin)));
  data.batch_size = *batch;
  data.num_workers = int_if_any(loader, "num_workers");
  data.prefetch = loader.get_int("prefetch_factor", 2);
  data.drop_last = loader.get_bool("drop_last", false);
  data.shuffle = node_or_empty(loader, "sampler").get_bool("shuffle", true);
  data.max_bad_fraction = loader.get_double("max_bad_fraction", 0.001);
  return data;
}

TrainLength read_length(const Json& train_cfg) {
  TrainLength length;
  length.max_epochs = int_if_any(train_cfg, "max_epochs");
  length.max_iters = int_if_any(train_cfg, "max_iters");
  if (!length.max_epochs && !length.max_iters)
    throw Error(Exit::usage, fmt::format("{}: train_cfg: expected max_epochs or max_iters, the length of the run",
                                         describe(train_cfg.origin)));
  if (length.max_epochs && length.max_iters)
    throw Error(Exit::usage, fmt::format("{}: train_cfg: max_epochs and max_iters exclude each other",
                                         describe(train_cfg.get("max_iters").origin)));
  length.by_epoch = length.max_epochs.has_value();
  const std::string type = train_cfg.get_string("type", length.by_epoch ? "EpochBasedTrainLoop" : "IterBasedTrainLoop");
  const bool epochs_wanted = train_cfg.get_bool("by_epoch", type == "EpochBasedTrainLoop");
  if (epochs_wanted != length.by_epoch)
    throw Error(Exit::usage,
                fmt::format("{}: train_cfg: the run is counted in {}, but {} is given", describe(train_cfg.origin),
                            epochs_wanted ? "epochs" : "iterations", length.by_epoch ? "max_epochs" : "max_iters"));
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
  run.data = read_data(config.get("train_dataloader"));
  run.optim_wrapper = config.get("optim_wrapper");
  run.accumulative_counts = run.optim_wrapper.get_int("accumulative_counts", 1);
  if (const Json* schedule = config.find("param_scheduler")) run.param_scheduler = *schedule;
  run.length = read_length(config.get("train_cfg"));
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
  run.work_dir = config.get_string("work_dir", "");
  run.load_from = config.get_string("load_from", "");
  if (const Json* resume = config.find("resume")) {
    if (resume->is_string()) {
      run.resume = ResumeFrom::path;
      run.resume_path = resume->as_string();
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
