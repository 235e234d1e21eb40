// The host's part of a resolved configuration as plain structs. Knows no default: those of the schema are filled in.
// Nodes that other rooms read for themselves stay JSON.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "config/pretrained.h"

namespace selfsup::config {

struct DataConfig {
  Json dataset, pipeline;
  int64_t batch_size = 0, prefetch = 0;
  std::optional<int64_t> num_workers;  // absent: the host chooses
  bool drop_last = false, shuffle = false;
  double max_bad_fraction = 0;
  bool keep_truncated = false;
  int64_t max_image_pixels = 0;
};

// At least one of the two is there; by_epoch says which counts.
struct TrainLength {
  bool by_epoch = false;
  std::optional<int64_t> max_epochs, max_iters;
};

struct CheckpointConfig {
  int64_t interval = 0;
  bool by_epoch = false, save_last = false;
  int keep = 0;
};

struct ProbeConfig {
  Json dataset, test_dataset;
  int64_t bank = 0, queries = 0, interval = 0, k = 0, few_labels = 0, draws = 0, batch_size = 0;
  double temperature = 0;
  bool baselines = false, whitened_pixels = false;
  std::string feature;
};

// How gradients are reduced over ranks.
struct ReduceConfig {
  bool find_unused_parameters = false, compress_bf16 = false;
  std::optional<double> bucket_mb;
};

// Halves of transformer blocks as one function each.
enum class Fused { automatic, on, off };

enum class ResumeFrom { nothing, newest, path };

struct RunConfig {
  Json model;  // without data_preprocessor and what is pretrained
  std::vector<Pretrained> pretrained;
  Json data_preprocessor;  // null when there is none
  DataConfig data;
  Json optim_wrapper, param_scheduler;
  int64_t accumulative_counts = 0;
  TrainLength length;
  int64_t log_interval = 0;
  CheckpointConfig checkpoint;
  std::optional<uint64_t> seed;
  bool deterministic = false;
  ReduceConfig reduce;
  bool sync_batch_norm = false;  // also where the layer says BN
  bool auto_scale_lr = false;
  std::optional<int64_t> base_batch_size;
  std::optional<ProbeConfig> probe;
  bool report = false, tensorboard = false;
  std::string device, work_dir, load_from, resume_path;
  ResumeFrom resume = ResumeFrom::nothing;
  std::optional<int64_t> num_threads;
  std::optional<std::chrono::milliseconds> dist_timeout;  // env_cfg.dist_cfg.timeout
  bool channels_last = false, cudnn_benchmark = false;
  Fused fused = Fused::automatic;
  std::optional<bool> allow_tf32;  // absent: as PyTorch does
};

// config: resolved and valid. Error(usage) for what no schema can say: no length of the run, two of them, …
RunConfig read_run_config(const Json& config);

}  // namespace selfsup::config
