// A training run: its parts, built in order from a resolved configuration and destroyed in the reverse one.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "checkpoint/work_dir.h"
#include "config/command_line.h"
#include "data/loader.h"
#include "device/device.h"
#include "distributed/group.h"
#include "run/evaluation.h"
#include "run/prepared.h"
#include "run/watch.h"
#include "train/loop.h"

namespace selfsup::run {

class Training {
 public:
  // Chooses the device, opens the data, builds the model. Writes nothing.
  Training(Prepared& prepared, const config::CommandLine& line);

  // The first batch, through the pipeline and onto the device, and its loss.
  double try_first_batch();

  // Takes the work folder, resumes if asked, trains, evaluates. Returns Exit::ok or the code of a requested stop.
  // A plugin that fails is Error(plugin) until a first step has been through: it cannot work. Later, the run failed.
  Exit run();

 private:
  Exit train_and_evaluate();
  void build_data();
  void build_model();
  void scale_learning_rate();
  void build_optimizer();
  train::LoopOptions loop_options() const;
  checkpoint::Manifest manifest() const;
  void start_log(const std::string& folder) const;
  std::optional<checkpoint::Checkpoint> checkpoint_to_resume(checkpoint::CheckpointStore& store) const;
  void load_weights();
  void announce() const;
  void list_bad_files(const std::string& folder) const;

  Prepared& prepared_;
  config::RunConfig config_;
  bool overwrite_;
  device::Device device_;
  int threads_;
  uint64_t seed_;
  distributed::Group group_;

  std::unique_ptr<data::Dataset> dataset_;
  data::Pipeline pipeline_;
  std::unique_ptr<data::Loader> loader_;
  data::ImageShape view_;
  int64_t views_ = 1, epoch_iters_ = 0, max_iters_ = 0, max_epochs_ = 0;
  std::optional<train::Preprocessor> preprocess_;

  model::ParameterStore model_;
  std::unique_ptr<bridge::Algorithm> algorithm_;
  std::unique_ptr<train::AlgorithmTask> task_;
  std::unique_ptr<train::Optimizer> optimizer_;
  std::optional<train::Schedules> schedules_;
  train::AmpSettings amp_;
  std::unique_ptr<train::GradScaler> scaler_;
  std::optional<train::RunState> state_;
  bridge::Origin origin_ = bridge::Origin::fresh;
};

}  // namespace selfsup::run
