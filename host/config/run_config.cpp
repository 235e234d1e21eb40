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

// Of a key that has no default; null is as good as absent.
std::optional<int64_t> int_if_any(const Json& node, std::string_view dotted) {
  const Json* value = node.at_path(dotted);
  if (!value || value->is_null()) return std::nullopt;
  return value->as_int();
}

// A path that has to be there.
std::string existing_path(const Json& value, std::string_view key) {
  std::error_code failed;
  if (!std::filesystem::exists(value.as_string(), failed))
    throw Error(Exit::usage,
                fmt::format("{}: {}: there is no file or folder {}", describe(value.source), key, value.as_string()));
  return value.as_string();
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
  data.batch_size = loader.get("batch_size").as_int();
  data.num_workers = int_if_any(loader, "num_workers");
  data.prefetch = loader.get("prefetch_factor").as_int();
  data.drop_last = loader.get("drop_last").as_bool();
  data.shuffle = loader.get("sampler").get("shuffle").as_bool();
  data.max_bad_fraction = loader.get("max_bad_fraction").as_double();
  data.keep_truncated = loader.get("truncated").as_string() == "keep";
  data.max_image_pixels = loader.get("max_image_pixels").as_int();
  return data;
}

// How high the layer lies that gave a value.
auto height(const Json& value) {
  static constexpr std::string_view layers[] = {"default", "plugin", "base", "file", "cfg-options", "flag"};
  return std::find(std::begin(layers), std::end(layers), value.source.layer());
}

// A layer that gives `key` met what lower ones say of the run's length.
Error length_conflict(const Json& train_cfg, const char* key, const std::string& what) {
  const Json& value = train_cfg.get(key);
  return Error(Exit::usage, fmt::format("{}: train_cfg.{}: {}; to replace the length that a lower layer gives, write "
                                        "--cfg-options 'train_cfg={{\"_delete_\": true, \"{}\": {}}}', or the same "
                                        "object in the file",
                                        describe(value.source), key, what, key, to_text(value)));
}

TrainLength read_length(const Json& train_cfg, const Source& whole) {
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
        fmt::format("excludes {}, which is given at {}", other, describe(train_cfg.get(other).source)));
  }
  length.by_epoch = length.max_epochs.has_value();
  bool epochs_wanted = length.by_epoch;
  if (const Json* type = train_cfg.find("type")) epochs_wanted = type->as_string() == "EpochBasedTrainLoop";
  if (const Json* by_epoch = train_cfg.find("by_epoch")) epochs_wanted = by_epoch->as_bool();
  if (epochs_wanted != length.by_epoch)
    throw length_conflict(train_cfg, length.by_epoch ? "max_epochs" : "max_iters",
                          fmt::format("the run is counted in {}, says {}", epochs_wanted ? "epochs" : "iterations",
                                      describe(train_cfg.get(train_cfg.has("by_epoch") ? "by_epoch" : "type").source)));
  return length;
}

CheckpointConfig read_checkpoint(const Json& hook, bool run_by_epoch) {
  CheckpointConfig checkpoint;
  const Json* by_epoch = hook.find("by_epoch");
  checkpoint.by_epoch = by_epoch ? by_epoch->as_bool() : run_by_epoch;
  // A run counted in iterations has no natural interval: it saves at its end unless told otherwise.
  checkpoint.interval = int_if_any(hook, "interval").value_or(checkpoint.by_epoch ? 1 : 0);
  const Json& keep = hook.get("max_keep_ckpts");
  checkpoint.keep = static_cast<int>(keep.as_int());
  if (checkpoint.keep == 0)
    throw Error(Exit::usage, fmt::format("{}: default_hooks.checkpoint.max_keep_ckpts: expected at least 1, or -1 for "
                                         "all, found 0",
                                         describe(keep.source)));
  checkpoint.save_last = hook.get("save_last").as_bool();
  return checkpoint;
}

// MMEngine reads find_unused_parameters only where there is no model_wrapper_cfg; here the wrapper's own word wins.
ReduceConfig read_reduce(const Json& config) {
  const Json& wrapper = config.get("model_wrapper_cfg");
  ReduceConfig reduce;
  reduce.find_unused_parameters =
      wrapper.get_bool("find_unused_parameters", config.get("find_unused_parameters").as_bool());
  if (const Json* cap = wrapper.find("bucket_cap_mb")) reduce.bucket_mb = cap->as_double();
  const Json* hook = wrapper.find("comm_hook");
  reduce.compress_bf16 = hook && !hook->is_null();
  return reduce;
}

// "torch", "mmcv" and true are one and the same here.
bool reads_sync_bn(const Json& config) {
  const Json* value = config.find("sync_bn");
  if (!value || value->is_null()) return false;
  return value->is_string() || value->as_bool();
}

ProbeConfig read_probe(const Json& node) {
  ProbeConfig probe;
  probe.dataset = node.get("dataset");
  probe.test_dataset = node.get("test_dataset");
  probe.bank = node.get("bank").as_int();
  probe.queries = node.get("queries").as_int();
  probe.interval = node.get("interval").as_int();
  probe.k = node.get("k").as_int();
  probe.few_labels = node.get("few_labels").as_int();
  probe.draws = node.get("draws").as_int();
  probe.batch_size = node.get("batch_size").as_int();
  probe.temperature = node.get("temperature").as_double();
  probe.baselines = node.get("baselines").as_bool();
  probe.whitened_pixels = node.get("whitened_pixels").as_bool();
  probe.feature = node.get("feature").as_string();
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
                              describe(top->source), describe(run.data_preprocessor.source)));
    run.data_preprocessor = *top;
  }
  run.model.erase("data_preprocessor");
  run.pretrained = read_pretrained(set_aside_pretrained(run.model));
  run.data = read_data(config.get("train_dataloader"));
  run.optim_wrapper = config.get("optim_wrapper");
  run.accumulative_counts = run.optim_wrapper.get("accumulative_counts").as_int();
  if (const Json* schedule = config.find("param_scheduler")) run.param_scheduler = *schedule;
  run.length = read_length(config.get("train_cfg"), config.source);
  const Json& hooks = config.get("default_hooks");
  run.log_interval = hooks.get("logger").get("interval").as_int();
  run.checkpoint = read_checkpoint(hooks.get("checkpoint"), run.length.by_epoch);
  if (const auto seed = int_if_any(config, "randomness.seed")) run.seed = static_cast<uint64_t>(*seed);
  run.deterministic = config.get("randomness").get("deterministic").as_bool();
  run.reduce = read_reduce(config);
  run.sync_batch_norm = reads_sync_bn(config);
  run.auto_scale_lr = config.get("auto_scale_lr").get("enable").as_bool();
  run.base_batch_size = int_if_any(config, "auto_scale_lr.base_batch_size");
  if (run.auto_scale_lr && !run.base_batch_size)
    throw Error(Exit::usage,
                "auto_scale_lr.base_batch_size is missing: the batch for which optim_wrapper.optimizer.lr was chosen");
  if (const Json* probe = config.find("probe"); probe && !probe->is_null()) run.probe = read_probe(*probe);
  run.report = config.get("report").as_bool();
  if (const Json* backends = config.at_path("visualizer.vis_backends"); backends && !backends->is_null())
    for (const Json& backend : backends->as_array())
      run.tensorboard = run.tensorboard || backend.get("type").as_string() == "TensorboardVisBackend";
  run.device = config.get("device").as_string();
  if (const Json* folder = config.find("work_dir")) {
    run.work_dir = folder->as_string();
    if (run.work_dir.empty())
      throw Error(Exit::usage,
                  fmt::format("{}: work_dir: expected a folder, found an empty text", describe(folder->source)));
  }
  if (const Json* weights = config.find("load_from"); weights && !weights->is_null())
    run.load_from = existing_path(*weights, "load_from");
  const Json& resume = config.get("resume");
  if (resume.is_string()) {
    run.resume = ResumeFrom::path;
    run.resume_path = existing_path(resume, "resume");
  } else if (resume.as_bool()) {
    // load_from is where a run without a checkpoint of its own begins. (MMEngine goes on from load_from whenever both
    // are set, so that each requeue of a job throws away what the one before has done.)
    run.resume = ResumeFrom::newest;
  }
  run.num_threads = int_if_any(config, "env_cfg.num_threads");
  if (const Json* timeout = config.at_path("env_cfg.dist_cfg.timeout"))
    run.dist_timeout = std::chrono::milliseconds(static_cast<int64_t>(timeout->as_double() * 1000));
  const Json& environment = config.get("env_cfg");
  run.channels_last = environment.get("channels_last").as_bool();
  run.cudnn_benchmark = environment.get("cudnn_benchmark").as_bool();
  const std::string& fused = environment.get("fused").as_string();
  run.fused = fused == "on" ? Fused::on : fused == "off" ? Fused::off : Fused::automatic;
  if (const Json* tf32 = environment.find("allow_tf32")) run.allow_tf32 = tf32->as_bool();
  return run;
}

}  // namespace selfsup::config
