// The numbers of the iterations since the last log line: means, over the ranks too, and the watch for values that are
// not finite. Never waits for the device but when asked to read. Knows no optimizer and writes nothing.
#pragma once
#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "distributed/group.h"
#include "report/window.h"
#include "train/position.h"
#include "train/step.h"

namespace selfsup::train {

// What a user is told of a divergence, whatever has shown it: what is left, and what may help.
std::string after_divergence(const std::string& last_good);

class Telemetry {
 public:
  // judge_norm: a gradient norm that is not finite counts as diverged (without a loss scaler, which expects some).
  // log_norm: it appears in the log.
  Telemetry(const distributed::Group& group, bool judge_norm, bool log_norm)
      : group_(group), judge_norm_(judge_norm), log_norm_(log_norm) {}

  // One iteration. at: its place, before it is counted.
  void add(const Position& at, const Outcome& outcome, double seconds, double data_seconds);
  // Metrics of an event. They belong to the iteration that was added last, or to the first.
  void add(const Position& at, const std::vector<bridge::NamedTensor>& metrics);

  // Reads what has come since the last read; waits for the device. Error(diverged) naming the first bad iteration, its
  // term and gradient norm, and `last_good`, the newest checkpoint ("" when there is none); on all ranks at once.
  void read(const std::string& last_good);
  // Whether to read now, log line or not: on the CPU of one process always, since that waits for nobody; else now and
  // then, so that a divergence is noticed soon and little is kept.
  bool due() const { return (on_cpu_ && group_.world() == 1) || unread_iterations_ >= most_unread; }

  // What has been read since the last call, as means over the iterations that had a value, and over the ranks: time,
  // data_time, and of scalars grad_norm, loss, the other terms, metrics of events. Of bad_files it makes the sum over
  // the ranks. Error(failed) when the ranks have different terms.
  void tell(report::TrainPoint& point);

  // What has been read and not told.
  report::Window& window() { return window_; }

 private:
  static constexpr int most_unread = 64;  // iterations, as many on each rank
  struct Record {
    Position at;
    bool has_norm = false, of_event = false;  // the first value is the gradient norm
    std::vector<std::string> names = {};      // of losses and metrics in the order of `values`
    std::vector<bool> judged = {};
    at::Tensor values = {};  // f32 [n] on the device
    bool is_norm(size_t i) const { return has_norm && i == 0; }
  };
  std::string read_here(const std::string& last_good);
  std::string complaint(const Record& record, const float* values, const std::string& last_good) const;

  const distributed::Group& group_;
  bool judge_norm_, log_norm_, on_cpu_ = true;
  std::vector<Record> unread_;
  int unread_iterations_ = 0;
  report::Window window_;
  report::Eta eta_;
};

}  // namespace selfsup::train
