// What a run trains: the tensors, the algorithm that declared them, and the preprocessing of its images. Knows no
// optimizer and no loader.
#pragma once
#include <functional>
#include <optional>
#include <string>

#include "bridge/components/algorithm.h"
#include "config/run_config.h"
#include "input/preprocess.h"
#include "model/store.h"
#include "plugin/registry.h"
#include "train/task.h"
#include "train/weights.h"

namespace selfsup::run {

struct Model {
  // facts: all but those of the preprocessing. The values are initialised by the seed, on the device; without one the
  // tensors stay names and sizes. declared: called when all of them are declared and none has memory yet.
  Model(const plugin::Registry& registry, const config::RunConfig& config, bridge::Facts facts,
        std::optional<uint64_t> seed, at::Device device,
        const std::function<void(model::ParameterStore& store)>& declared);

  // Takes what fits of a file of weights or a checkpoint; returns for the log what that was. Error as of
  // exchange::open_weights and train::load_weights.
  std::string load_weights(const std::string& path);
  // The same for what a part of the model is to begin with. Error(usage) when no name in the file has the prefix.
  std::string load_weights(const config::Pretrained& part);

  // For the log: why images and convolutions lie channel by channel although channels-last is on; may be empty.
  std::string layout_note;
  train::Sides images;  // of the first view

  input::Preprocessor preprocess;
  model::ParameterStore store{model::Memory::later};
  bridge::Algorithm algorithm;
  train::AlgorithmTask task;
};

}  // namespace selfsup::run
