// The course of a run: how long it is, where it stands, and which place in which optimizer step the next batch has.
// Knows no tensor and nobody who trains.
#pragma once
#include "bridge/components/algorithm.h"
#include "train/position.h"

namespace selfsup::train {

struct Length {
  bool by_epoch = true;    // how the run is counted, in the log and towards its end
  int64_t max_iters = 1;   // where a run counted in iterations ends
  int64_t max_epochs = 1;  // where one counted in epochs ends, however many batches these have by then
  int64_t accumulative_counts = 1;
};

class Course {
 public:
  // From `start`, where an optimizer step has ended, to the run's end, with epochs of that length.
  Course(const Length& length, int64_t epoch_iters, const Position& start, bridge::Origin origin);

  const Position& at() const { return at_; }
  const Length& length() const { return length_; }
  int64_t epoch_iters() const { return epoch_iters_; }
  int64_t max_iters() const { return max_iters_; }  // batches done at the start, and those that were left
  bool ended() const { return at_.iter >= max_iters_; }
  bool epoch_ended() const { return at_.iter_in_epoch == epoch_iters_; }
  bool step_ended() const { return at_.iter == step_begin_; }

  // The iteration by which schedules go: by the epochs done, which say where the run stands also when an epoch has
  // another length than it had.
  int64_t scheduled_iter() const;
  // What a plugin is told of the next batch's place.
  bridge::Step step() const;

  void tell_epoch() { at_.epoch_told = true; }
  void count_batch();  // and the optimizer step that it ends
  void count_epoch();

 private:
  int64_t micros() const;

  Length length_;
  int64_t epoch_iters_;
  Position at_;
  bridge::Origin origin_;
  int64_t max_iters_, step_begin_;  // the iteration in which the optimizer step under way began
};

}  // namespace selfsup::train
