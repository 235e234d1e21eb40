// Values of learning rate, momentum and weight decay as functions of the iteration. Knows no optimizer and no tensor.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"

namespace selfsup::train {

enum class Quantity { lr, momentum, weight_decay };

// How long the run is, in batches; schedules given in epochs need the epoch's length.
struct RunLength {
  int64_t epoch_length = 1;  // batches in an epoch on each rank
  int64_t max_iters = 1;     // batches in the run
  int64_t max_epochs = 1;    // a last partial epoch counts whole
};

// One entry of `param_scheduler`, already converted to iterations where it asks for it.
struct Schedule {
  enum class Shape { constant, linear, cosine, multi_step, step, exponential, poly };
  Shape shape = Shape::constant;
  Quantity quantity = Quantity::lr;
  bool by_epoch = true;        // counts epochs, else iterations
  int64_t begin = 0, end = 0;  // in effect for begin <= count < end
  double start_factor = 1, end_factor = 1, gamma = 1, power = 1, eta_min = 0;
  bool eta_min_is_ratio = false;  // eta_min is a share of the base value
  int64_t period = 1;             // T_max or step_size
  std::vector<int64_t> milestones;

  // The value after this schedule's step number `step` (0-based, counted from `begin`), given the value before it.
  double apply(int64_t step, double value, double base) const;
};

// MMEngine's schedulers, chained as it chains them: each multiplies or moves the value that it finds. After every
// iteration those counted in iterations step, in the order of the configuration; after every epoch those counted in
// epochs. Values equal MMEngine's to rounding, for overlapping schedules too. Not thread-safe.
class Schedules {
 public:
  // config: the node `param_scheduler`: an array, one object, or null (constant values). Error(usage) names the key.
  Schedules(const Json& config, const RunLength& length);

  // The value in force while `iteration` (0-based) runs. Amortised O(1) for iterations that do not fall; O(iteration)
  // after a jump, so a resumed run needs no stored state.
  double value(Quantity quantity, double base, int64_t iteration);
  bool changes(Quantity quantity) const;

 private:
  struct Track {  // one base value followed through the run
    Quantity quantity;
    double base, value;
    int64_t iteration;
  };
  void restart(Track& track) const;
  void advance(Track& track) const;

  RunLength length_;
  std::vector<Schedule> schedules_;
  std::vector<Track> tracks_;
};

}  // namespace selfsup::train
