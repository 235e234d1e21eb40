// Values of learning rate, momentum and weight decay as functions of the iteration. Knows no optimizer and no tensor.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/registry.h"
#include "train/schedules/schedule.h"

namespace selfsup::train {

enum class Quantity { lr, momentum, weight_decay };

// How long the run is, in batches; schedules given in epochs need the epoch's length.
struct RunLength {
  int64_t epoch_length = 1;  // batches in an epoch on each rank
  int64_t max_iters = 1;     // batches in the run
  int64_t max_epochs = 1;    // a last partial epoch counts whole
};

// A shape under one of its names in a configuration.
struct SchedulerType {
  std::vector<std::string> names;
  Json schema;
  std::optional<Quantity> quantity;  // absent: the key param_name says
  Curve (*make)(const Json& config, const Window& window);
  bool (*rises)(const Json& config);  // may be null
};
const Registry<SchedulerType>& scheduler_types();

// MMEngine's schedulers, chained as it chains them: each multiplies or moves the value that it finds. After every
// iteration those counted in iterations step, in the order of the configuration; after every epoch those counted in
// epochs. Values equal MMEngine's to rounding, for overlapping schedules too. Not thread-safe.
class Schedules {
 public:
  // config: the node `param_scheduler`, resolved: an array, one object, or null (constant values). Error(usage) names
  // the key.
  Schedules(const Json& config, const RunLength& length);

  // The value in force while `iteration` (0-based) runs. Amortised O(1) for iterations that do not fall; O(iteration)
  // after a jump, so a resumed run needs no stored state.
  double value(Quantity quantity, double base, int64_t iteration);
  bool changes(Quantity quantity) const;

  // What to tell a user whose learning rate never gets to where a schedule raises it: the run ends before, or the
  // schedule has one step, which is its lowest, and all that follows is a share of that (MMEngine's rule). Empty: none.
  std::string unfinished_rise(double base_lr) const;

 private:
  struct Track {  // one base value followed through the run
    Quantity quantity;
    double base, value;
    int64_t iteration;
  };
  struct Schedule {    // one entry, converted to iterations where it asks for it
    std::string name;  // for messages
    Quantity quantity;
    bool by_epoch;       // counts epochs, else iterations
    bool rises;          // from a low start, which its last step ends
    int64_t begin, end;  // in effect for begin <= count < end
    Curve curve;
  };
  Schedule read(const Json& config, const std::string& key) const;
  void restart(Track& track) const;
  void advance(Track& track) const;

  RunLength length_;
  std::vector<Schedule> schedules_;
  std::vector<Track> tracks_;
};

}  // namespace selfsup::train
