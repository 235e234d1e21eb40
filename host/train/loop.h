// The training loop: the order of batches, events, logs, evaluations and saves. Knows its collaborators by interface,
// no plugin, no file and no gradient.
#pragma once
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/errors.h"
#include "data/loader/loader.h"
#include "distributed/group.h"
#include "distributed/progress.h"
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
  Interval evaluate;  // before the end
  // The run goes on from a checkpoint that is not where its folder stands: it is saved once in any case, at its end if
  // not before, even where no batch was left to train on.
  bool changes_course = false;
};

// What the loop tells and asks of the outside. Called on the loop's thread, between iterations.
class Outside {
 public:
  virtual ~Outside() = default;
  virtual void log(report::TrainPoint) {}                                  // a log line is due; memory is not filled in
  virtual void progress(const Position&, int64_t /*max_iters*/) {}         // after every iteration
  virtual std::string save(const std::string& name, const Position&) = 0;  // commits; returns the path
  virtual void evaluate(const bridge::Step&) {}  // must leave the model and the optimizer as they are
  // What the end of a run is judged by and shown with, wherever it was resumed; a stop may come between any two.
  virtual std::vector<std::function<void()>> closing(const bridge::Step&) { return {}; }
  virtual std::optional<Exit> stop_requested() { return std::nullopt; }
};

struct LoopParts {
  data::Loader& loader;
  OptimizerStep& step;
  Task& task;
  Optimizer& optimizer;
  Schedules& schedules;
  const distributed::Group& group;
  Telemetry& telemetry;
  distributed::Progress* progress = nullptr;  // who watches the run is told of what it waits for there
};

class Loop {
 public:
  // last_good: the checkpoint that the course starts from, "" for none.
  Loop(const LoopParts& parts, const LoopOptions& options, const Course& course, const std::string& last_good = "");

  // Once, before either of the next two: all values are in place, and no batch has been asked for.
  void begin();
  // Trains to the end of the course: Exit::ok, or to a requested stop: its exit code, after a save, or as an Error
  // where nothing has been done yet. Error(diverged) and whatever the collaborators throw. An evaluation that was due
  // at the start is made first: a stop there came before it. Once.
  Exit run(Outside& outside);
  // After run() has thrown for want of a batch, in one process: saves what had been done, if an optimizer step had
  // ended.
  void save_done(Outside& outside);
  // Instead of run(): the loss of the first batch, as the first step would compute it.
  double first_loss();

  const Course& course() const { return course_; }

 private:
  std::optional<Exit> train(Outside& outside);
  std::optional<Exit> close(Outside& outside);
  void enter_epoch();
  bool fetch(const std::function<bool()>& given_up);
  std::optional<Exit> fetch_or_stop(Outside& outside);
  std::optional<Exit> train_on_batch(Outside& outside);
  void set_rates();
  void event(bridge::Event event);
  bool log_is_due() const;
  void judge() const;
  void log(Outside& outside);
  void evaluate(Outside& outside);
  void enter(distributed::Phase phase) const;
  void save(Outside& outside);
  std::optional<Exit> stop_requested(Outside& outside) const;
  std::optional<Exit> stop_agreed(Outside& outside);
  void finish_asking();

  LoopParts parts_;
  LoopOptions options_;
  Course course_;
  data::Batch batch_;
  std::chrono::steady_clock::time_point mark_;  // when the iteration under way began
  std::string last_good_;
  int64_t saved_at_;
  std::function<double()> stop_asked_;  // of all ranks, an iteration ago
};

}  // namespace selfsup::train
