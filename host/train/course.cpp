#include "train/course.h"

#include <algorithm>

namespace selfsup::train {

Course::Course(const Length& length, int64_t epoch_iters, const Position& start, bridge::Origin origin)
    : length_(length), epoch_iters_(epoch_iters), at_(start), origin_(origin), step_begin_(start.iter) {
  if (at_.iter_in_epoch >= epoch_iters_) count_epoch();  // the batches have become larger since: that epoch was seen
  const int64_t left = length_.by_epoch ? (length_.max_epochs - at_.epoch) * epoch_iters_ - at_.iter_in_epoch
                                        : length_.max_iters - at_.iter;
  max_iters_ = at_.iter + std::max<int64_t>(0, left);
}

// The last step of a run may be of fewer batches; it divides by its own number.
int64_t Course::micros() const {
  return std::max<int64_t>(1, std::min(length_.accumulative_counts, max_iters_ - step_begin_));
}

int64_t Course::scheduled_iter() const {
  return length_.by_epoch ? at_.epoch * epoch_iters_ + at_.iter_in_epoch : at_.iter;
}

bridge::Step Course::step() const {
  const int64_t k = length_.accumulative_counts;
  bridge::Step step;
  step.mode = bridge::Mode::train;
  step.origin = origin_;
  step.micro = static_cast<uint32_t>(at_.iter - step_begin_);
  step.micros = static_cast<uint32_t>(micros());
  step.iter = static_cast<uint64_t>(at_.iter);
  step.max_iters = static_cast<uint64_t>(max_iters_);
  step.update = static_cast<uint64_t>(at_.update);
  step.max_updates = static_cast<uint64_t>(at_.update + (max_iters_ - step_begin_ + k - 1) / k);
  step.epoch = static_cast<uint64_t>(at_.epoch);
  step.max_epochs = length_.by_epoch ? static_cast<uint64_t>(length_.max_epochs) : 0;
  step.epoch_iters = static_cast<uint64_t>(epoch_iters_);
  return step;
}

void Course::count_batch() {
  const bool ends_step = at_.iter - step_begin_ + 1 == micros();
  at_.iter += 1;
  at_.iter_in_epoch += 1;
  at_.epoch_told = false;
  if (!ends_step) return;
  at_.update += 1;
  step_begin_ = at_.iter;
}

void Course::count_epoch() {
  at_.epoch += 1;
  at_.iter_in_epoch = 0;
  at_.epoch_told = false;
}

}  // namespace selfsup::train
