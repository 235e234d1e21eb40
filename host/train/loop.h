// The training loop: the order of batches, events, logs, evaluations and saves. Knows its collaborators by interface,
// no plugin, no file and no gradient.
#pragma once
#include <chrono>
#include <optional>
#include <string>

#include "base/errors.h"
#include "data/loader/loader.h"
#include "distributed/group.h"
#include "report/log_line.h"
#include "train/course.h"
#include "train/schedules/schedules.h"
#include "train/step.h"
#include "train/telemetry.h"

namespace selfsup::train {

// Something done every so often: in epochs, or in iterations. every <= 0: never.
struct Interval {
  int64_t every = 0;
  bool by_epoch = true;

  bool due(const Position& at) const {
    if (every <= 0) return false;
    return by_epoch ? at.iter_in_epoch == 0 && at.epoch % every == 0 : at.iter % every == 0;
  }
};

struct LoopOptions {
  int64_t log_interval = 10;  // iterations
  Interval save{1, true};
  bool save_last = true;
  Interval evaluate;  // before the end; the last evaluation is the caller's
};

// What the loop tells and asks of the outside. Called on the loop's thread, between iterations.
class Outside {
 public:
  virtual ~Outside() = default;
  virtual void begin(const bridge::Step&) {
  }  // all values are in place, no batch asked for; what it throws refuses the run
  virtual void log(const report::TrainPoint&) {}                           // a log line is due
  virtual void progress(const Position&, int64_t /*max_iters*/) {}         // after every iteration
  virtual std::string save(const std::string& name, const Position&) = 0;  // commits; returns the path
  virtual void evaluate(const bridge::Step&) {}  // must leave the model and the optimizer as they are
  virtual int64_t memory_mib() { return report::peak_memory_mib(); }  // for the log: the device's, or the process's
  virtual std::optional<Exit> stop_requested() { return std::nullopt; }
};

struct LoopParts {
  data::Loader& loader;
  OptimizerStep& step;
  Task& task;
  Optimizer& optimizer;
  Schedules& schedules;
  const distributed::Group& group;
  Outside& outside;
};

class Loop {
 public:
  // last_good: the checkpoint that the course starts from, "" for none.
  Loop(const LoopParts& parts, const LoopOptions& options, const Course& course, const std::string& last_good = "");

  // Trains to the end of the course: Exit::ok, or to a requested stop: its exit code, after a save. Error(diverged) and
  // whatever the collaborators throw. An evaluation that was due at the start is made first: a stop there came before
  // it. Once.
  Exit run();

  // Instead of run(): the loss of the first batch, as the first step would compute it.
  double first_loss();

  const Course& course() const { return course_; }

  // Saves what has been done, unless it is saved; where an optimizer step has ended.
  void save();
  // The code of a stop that was asked of any rank.
  std::optional<Exit> stop_requested() const;

 private:
  void begin();
  void enter_epoch();
  void fetch();
  void train_on_batch();
  void set_rates();
  void event(bridge::Event event);
  void log_if_due();

  LoopParts parts_;
  LoopOptions options_;
  Course course_;
  Telemetry telemetry_;
  data::Batch batch_;
  std::chrono::steady_clock::time_point mark_;  // when the iteration under way began
  std::string last_good_;
  int64_t saved_at_;
};

}  // namespace selfsup::train
