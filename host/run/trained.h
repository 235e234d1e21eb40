// A trained model to look at: what the commands that judge it, draw or embed with it start from. Changes nothing on the
// disk, and needs neither the optimizer's state nor the images that the model has learned from.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "checkpoint/checkpoint.h"
#include "cli/command_line.h"
#include "device/device.h"
#include "run/facts.h"
#include "run/model.h"
#include "run/prepared.h"
#include "run/settings.h"
#include "train/course.h"

namespace selfsup::run {

// The words with a target that is a configuration file, or a folder as of checkpoint::checkpoint_at(), whose manifest
// then holds the configuration. Where weights come from and whether to resume means nothing. only_folder: a file is
// Error(usage).
struct TrainedConfig {
  std::unique_ptr<Prepared> prepared;
  Settings settings;
  std::optional<checkpoint::Checkpoint> target;  // none: a configuration file
};
TrainedConfig open_trained_config(const cli::CommandLine& line, bool only_folder = false);

// The images that the run of a checkpoint has seen, which need not be here, and where it stood. Without a checkpoint,
// of a run that has not begun, whose images are opened.
struct Past {
  SeenData seen;
  train::Course course;
};
Past past_of(const TrainedConfig& from, const std::optional<checkpoint::Checkpoint>& checkpoint);

class Trained {
 public:
  // The weights are those of --checkpoint, a folder as of checkpoint::checkpoint_at() or a file of weights; without it
  // those of the target, if that is a folder, else of the newest whole checkpoint of the configuration's work folder.
  // Says which. Error(checkpoint) with what differs when they are of another algorithm or model.
  explicit Trained(const cli::CommandLine& line);

  Prepared& prepared() { return *from_.prepared; }
  const config::RunConfig& config() const { return from_.settings.config; }
  const data::ImageShape& view() const { return past_.seen.views.front(); }  // the first that training has seen
  uint64_t seed() const { return seed_; }                                    // of the run that has trained it
  bridge::Step at() const { return past_.course.step(); }                    // where training stood

 private:
  TrainedConfig from_;
  std::optional<checkpoint::Checkpoint> checkpoint_;  // none: a file of weights. Closed once they are taken
  uint64_t seed_;
  Past past_;

 public:
  device::Device device;
  Model model;

 private:
  std::optional<checkpoint::Checkpoint> find_checkpoint(const cli::CommandLine& line);
  at::Device choose_device();
  void take_checkpoint();
};

}  // namespace selfsup::run
