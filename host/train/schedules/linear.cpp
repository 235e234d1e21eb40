// A straight line from one share of the value to another.
#include "train/schedules/schedule.h"

namespace selfsup::train {

ScheduleShape linear() {
  return {
      "Linear", R"({"properties": {
    "start_factor": {"type": "number", "exclusiveMinimum": 0, "maximum": 1, "default": 0.3333333333333333, "description": "of the value, at begin"},
    "end_factor": {"type": "number", "minimum": 0, "maximum": 1, "default": 1.0, "description": "of the value, at end"}}})",
      [](const Json& config, const Window& window) -> Curve {
        const double start = config.get("start_factor").as_double();
        return [start, rise = config.get("end_factor").as_double() - start, last = window.last()](
                   int64_t step, double value, double) {
          if (step == 0) return value * start;
          return value * (1 + rise / (last * start + static_cast<double>(step - 1) * rise));
        };
      },
      [](const Json& config) { return config.get("start_factor").as_double() < config.get("end_factor").as_double(); }};
}

}  // namespace selfsup::train
