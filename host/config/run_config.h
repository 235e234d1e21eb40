// The host's part of a resolved configuration as plain structs. Nodes that other rooms read for themselves stay JSON.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace selfsup::config {

struct DataConfig {
  Json dataset, pipeline;
  int64_t batch_size = 1, prefetch = 2;
  std::optional<int64_t> num_workers;  // absent: the host chooses
  bool drop_last = false, shuffle = true;
  double max_bad_fraction = 0.001;
};

// At least one of the two is there; by_epoch says which counts.
struct TrainLength {
  bool by_epoch = true;
  std::optional<int64_t> max_epochs, max_iters;
};

struct CheckpointConfig {
  int64_t interval = 1;
  bool by_epoch = true, save_last = true;
  int keep = 3;
};

struct ProbeConfig {
  Json dataset, test_dataset;
  int64_t bank = 10000, queries = 10000, interval = 0, k = 20, few_labels = 100, draws = 5, batch_size = 256;
  double temperature = 0.07;
  bool baselines = true;
  std::string feature;
};

enum class ResumeFrom { nothing, newest, path };

struct RunConfig {
  Json model;              // without data_preprocessor
  Json data_preprocessor;  // null when there is none
  DataConfig data;
  Json optim_wrapper, param_scheduler;
  int64_t accumulative_counts = 1;
  TrainLength length;
  int64_t log_interval = 10;
  CheckpointConfig checkpoint;
  std::optional<uint64_t> seed;
  bool deterministic = false;
  bool auto_scale_lr = false;
  std::optional<int64_t> base_batch_size;
  std::optional<ProbeConfig> probe;
  std::string device = "auto", work_dir, load_from, resume_path;
  ResumeFrom resume = ResumeFrom::nothing;
  std::optional<int64_t> num_threads;
};

// config: resolved and valid. Error(usage) for what no schema can say: no length of the run, no batch size, …
RunConfig read_run_config(const Json& config);

}  // namespace selfsup::config
