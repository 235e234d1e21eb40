// Data, model and update joined: everything that a loop needs, built in order and destroyed in the reverse one. Knows
// no folder.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "distributed/reducer.h"
#include "evaluate/evaluation.h"
#include "run/bad_files.h"
#include "run/data.h"
#include "run/fused_path.h"
#include "run/model.h"
#include "run/prepared.h"
#include "run/processes.h"
#include "run/settings.h"
#include "run/update.h"
#include "train/keeper.h"
#include "train/loop.h"

namespace selfsup::run {

// Where a run begins.
struct Start {
  train::Position at;
  bridge::Origin origin = bridge::Origin::fresh;
  std::vector<data::BadFile> known_bad;
  std::vector<std::string> notes;                 // what run.log is to be told of it
  const checkpoint::Manifest* resumed = nullptr;  // of the checkpoint that it goes on from
};

// Data of a run: to learn from and, if the configuration has a probe, to judge by.
struct AllData {
  // Has a first look at the images too: Error(data) when a run would come to its end for them.
  explicit AllData(const Prepared& prepared, const config::RunConfig& config);

  Data data;
  std::vector<data::BadFile> bad;  // of data's images, as that look tells
  evaluate::EvaluationMaker evaluation;
};

struct Training {
  // Refuses what the loader and the schedules refuse, then chooses the device and builds the rest; takes the weights of
  // load_from if they are the origin. References outlive this object.
  Training(Prepared& prepared, Processes& processes, const Settings& settings, const AllData& all, uint64_t seed,
           const Start& start);

  // last_good: the checkpoint that the run goes on from, if any. changes_course: as of RunFolder.
  train::Loop loop(const std::string& last_good = "", bool changes_course = false);
  bool evaluates_at_start() const;                    // before the first batch, or at once at the end
  std::vector<data::BadFile> bad_files_here() const;  // of training and of the probe, as far as they were read
  // Gives every rank the first one's buffers, but for those that are each rank's own: running statistics that ranks
  // have by themselves differ, and a checkpoint holds one.
  void share_buffers();
  // Gives every rank all of the first one's values, but for those that are each rank's own.
  void share_values();
  // Calls it while plugins find this rank alone: for what only one rank does.
  void alone(const std::function<void()>& work);
  // Calls it while they have them, and gives each rank back its own.
  void with_shared_buffers(const std::function<void()>& work);

  distributed::World& world;
  const distributed::Group& group;
  distributed::Progress& progress;
  const config::RunConfig& config;
  const Data& data;
  uint64_t seed;
  std::vector<std::string> notes;  // what run.log is told: the start's, and more
  bridge::Host& host;
  bridge::Environment environment;  // of the host
  device::Device device;
  FusedPath fused;
  data::Loader loader;
  BadFiles bad_files;
  train::Course course;  // at its start
  train::Schedules schedules;
  Model model;
  Update update;
  std::unique_ptr<distributed::Reducer> reducer;
  train::OptimizerStep step;
  train::Telemetry telemetry;
  train::Keepers keepers;
  std::unique_ptr<evaluate::Evaluation> evaluation;

 private:
  std::vector<at::Tensor> shared_buffers();
  train::Interval evaluation_interval() const;
  at::Device choose_device(const launch::Ranks& ranks, const checkpoint::Manifest* resumed);
  // What the model declares: freezes what the rules leave no rate, and refuses what is more than memory holds.
  void admit(model::ParameterStore& declared, const train::ParamRules& rules, int local_world);
};

}  // namespace selfsup::run
