// One schedule: the shapes that there are, and what each makes of its keys. Knows neither the run nor an optimizer.
#pragma once
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace selfsup::train {

// The value after step number `step` of a schedule, counted from 0 where it begins, given the value before it. base: as
// configured.
using Curve = std::function<double(int64_t step, double value, double base)>;

struct Window {
  int64_t length;  // steps in which the schedule is in effect
  int64_t unit;    // steps in one of the configured ones: an epoch's length when these are done in every iteration

  double last() const { return static_cast<double>(length - 1); }  // the step that reaches the end value
};

// What a file of this folder defines, and types.cpp lists.
struct ScheduleShape {
  std::string_view stem;  // of the names that a configuration has: "Linear" of LinearLR, LinearMomentum, …
  std::string_view keys;  // {"properties": …, "required": …}: what it adds to the schema of all schedulers
  // config: resolved. Error(usage) for what no schema can say.
  Curve (*make)(const Json& config, const Window& window);
  // Whether the value starts low and is brought back by the schedule's last step. Null: never.
  bool (*rises)(const Json& config) = nullptr;
};
const std::vector<ScheduleShape>& schedule_shapes();

}  // namespace selfsup::train
