// A training run: its parts, built in order from a resolved configuration and destroyed in the reverse one.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/command_line.h"
#include "data/loader/loader.h"
#include "device/device.h"
#include "distributed/group.h"
#include "evaluate/evaluation.h"
#include "run/prepared.h"
#include "run/run_folder.h"
#include "run/watch.h"
#include "train/loop.h"

namespace selfsup::run {

class Training {
 public:
  // Judges the configuration and opens the data; to train, takes the run's folder; then chooses the device and builds
  // the model with its weights. What can be refused is refused as early as it can be.
  Training(Prepared& prepared, const cli::CommandLine& line);

  // The loss of the first batch: through the pipeline, onto the device, and a forward pass as training makes it.
  double try_first_batch();

  // Of a run that is to train: trains and evaluates. Returns Exit::ok or the code of a requested stop.
  // A plugin that fails is Error(plugin) until a first step has been through: it cannot work. Later, the run failed.
  Exit run();

 private:
  Exit train_and_evaluate();
  void check_configuration(const cli::CommandLine& line) const;
  void check_stop() const;
  void open_data();
  void take_folder(bool overwrite);
  void choose_seed();
  void build_loader();
  void build_model();
  void scale_learning_rate();
  void build_optimizer();
  void load();
  train::LoopOptions loop_options() const;
  train::Loop loop(train::Outside& outside);
  std::vector<data::BadFile> bad_files() const;
  checkpoint::Manifest manifest() const;
  void announce() const;
  Exit finish(train::Loop& loop, Watch& watch);

  Prepared& prepared_;
  config::RunConfig config_;
  train::ClipSettings clip_;
  int threads_;
  std::optional<train::StopSignals> signals_;  // to train
  distributed::Group group_;

  std::unique_ptr<data::Dataset> dataset_;
  evaluate::ProbeSets probe_sets_;
  data::Pipeline pipeline_;
  std::optional<RunFolder> folder_;  // to train
  uint64_t seed_ = 0;
  device::Device device_;
  std::unique_ptr<data::Loader> loader_;
  data::ImageShape view_;
  int64_t views_ = 1;
  std::vector<int64_t> view_sizes_;  // height and width of each
  train::Position start_;
  int64_t epoch_iters_ = 0, max_epochs_ = 0;
  int64_t max_iters_ = 0;  // of the whole run: those done at the start, and those that are left
  std::optional<input::Preprocessor> preprocess_;

  model::ParameterStore model_;
  std::unique_ptr<bridge::Algorithm> algorithm_;
  std::unique_ptr<train::AlgorithmTask> task_;
  std::unique_ptr<train::Optimizer> optimizer_;
  std::optional<train::Schedules> schedules_;
  train::AmpSettings amp_;
  std::unique_ptr<train::GradScaler> scaler_;
  std::optional<train::RunState> state_;
  std::optional<evaluate::Evaluation> evaluation_;
  bridge::Origin origin_ = bridge::Origin::fresh;
  std::vector<std::string> notes_;  // what run.log is told
};

}  // namespace selfsup::run
