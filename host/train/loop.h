// The training loop. It reads as the algorithm: fetch, forward, backward, update, schedule, log, save. Knows its
// collaborators by interface, no plugin, no file.
#pragma once
#include <functional>
#include <optional>
#include <string>

#include "base/errors.h"
#include "data/loader/loader.h"
#include "distributed/group.h"
#include "input/preprocess.h"
#include "report/log_line.h"
#include "train/amp.h"
#include "train/clip.h"
#include "train/optimizers/optimizer.h"
#include "train/position.h"
#include "train/schedules/schedules.h"
#include "train/task.h"
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
  bool by_epoch = true;    // how the run is counted, in the log and towards its end
  int64_t max_iters = 1;   // where a run counted in iterations ends
  int64_t max_epochs = 1;  // where one counted in epochs ends, however many batches these have by then
  int64_t accumulative_counts = 1;
  int64_t log_interval = 10;  // iterations
  Interval save{1, true};
  bool save_last = true;
  Interval evaluate;  // before the end; the last evaluation is the caller's
  bridge::Origin origin = bridge::Origin::fresh;
  AmpSettings amp;
  ClipSettings clip;

  // From `at` to the run's end, with epochs of that length.
  int64_t batches_left(const Position& at, int64_t epoch_iters) const;
};

// What the loop tells and asks of the outside. Called on the loop's thread, between iterations.
class Outside {
 public:
  virtual ~Outside() = default;
  virtual void begin() {}  // all values are in place and no batch has been asked for; what it throws refuses the run
  virtual void log(const report::TrainPoint&) {}                           // a log line is due
  virtual void progress(const Position&, int64_t /*max_iters*/) {}         // after every iteration
  virtual std::string save(const std::string& name, const Position&) = 0;  // commits; returns the path
  virtual void evaluate(const Position&) {}  // must leave the model and the optimizer as they are
  virtual int64_t memory_mib() { return report::peak_memory_mib(); }  // for the log: the device's, or the process's
  virtual std::optional<Exit> stop_requested() { return std::nullopt; }
};

struct LoopParts {
  data::Loader& loader;
  const input::Preprocessor& preprocess;
  Task& task;
  Optimizer& optimizer;
  Schedules& schedules;
  GradScaler* scaler;  // null: none
  const distributed::Group& group;
  Outside& outside;
};

class Loop {
 public:
  Loop(const LoopParts& parts, const LoopOptions& options, at::Device device);

  // Trains from `start` (the checkpoint's, or zero) to the end: Exit::ok, or to a requested stop: its exit code, after
  // a save. last_good: the checkpoint that the run starts from, if any, for messages. Error(diverged) and whatever the
  // collaborators throw.
  // An evaluation that was due at `start` is made first: a stop there comes before it.
  Exit run(const Position& start, const std::string& last_good = "");

  // Instead of run(): the loss of the run's first batch, as its first step would compute it.
  double first_loss();

  const Position& position() const { return at_; }

  // Saves what has been done, unless it is saved; where an optimizer step has ended.
  void save();

 private:
  struct Micro {  // the place of a batch in its optimizer step
    int64_t index, count;
  };
  Micro micro() const;
  bridge::Step step() const;
  void begin(const Position& start);
  void event(bridge::Event event);
  void set_rates();
  void fetch(data::Batch& batch);
  at::Tensor forward(const data::Batch& batch, std::vector<bridge::NamedTensor>& terms);
  void backward(const at::Tensor& total, const Micro& micro);
  void call_autograd(const at::Tensor& root) const;
  std::optional<at::Tensor> update();
  void log_if_due(int64_t iter_in_epoch);

  LoopParts parts_;
  LoopOptions options_;
  at::Device device_;
  int64_t epoch_iters_;
  Position at_;
  int64_t max_iters_ = 0;    // batches of the whole run: those done at the start, and those that are left
  int64_t group_begin_ = 0;  // the iteration in which the optimizer step under way began
  at::Tensor poison_;        // without a scaler, f32 scalar: 0, or NaN once a loss of this step was not finite
  Telemetry telemetry_;
  std::string last_good_;
  int64_t saved_at_ = -1;
};

}  // namespace selfsup::train
