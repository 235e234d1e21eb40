// What a run trains: the tensors, the algorithm that declared them, and the preprocessing of its images. Knows no
// optimizer and no loader.
#pragma once
#include <optional>
#include <string>

#include "bridge/components/algorithm.h"
#include "config/run_config.h"
#include "input/preprocess.h"
#include "model/store.h"
#include "plugin/registry.h"
#include "train/task.h"

namespace selfsup::run {

struct Model {
  // facts: all but those of the preprocessing. The values are initialised by the seed, on the device; without one they
  // are not filled.
  Model(const plugin::Registry& registry, const config::RunConfig& config, bridge::Facts facts,
        std::optional<uint64_t> seed, at::Device device);

  // Takes what fits of a file of weights or a checkpoint; returns for the log what that was. Error as of
  // exchange::open_weights and train::load_weights.
  std::string load_weights(const std::string& path);

  // For the log: why images and convolutions lie channel by channel although channels-last is on; may be empty.
  std::string layout_note;

  input::Preprocessor preprocess;
  model::ParameterStore store;
  bridge::Algorithm algorithm;
  train::AlgorithmTask task;
};

}  // namespace selfsup::run
