// A power of the way left to the end.
#include <cmath>

#include "train/schedules/schedule.h"

namespace selfsup::train {

ScheduleShape poly() {
  return {"Poly", R"({"properties": {
    "power": {"type": "number", "minimum": 0, "default": 1.0, "description": "1: a straight line"},
    "eta_min": {"type": ["number", "null"], "minimum": 0, "description": "the value at end; absent: 0"}}})",
          [](const Json& config, const Window& window) -> Curve {
            return [power = config.get("power").as_double(), floor = config.get_double("eta_min", 0),
                    last = window.last()](int64_t step, double value, double) {
              if (step == 0) return value;
              return (value - floor) * std::pow(1 - 1 / (last - static_cast<double>(step) + 1), power) + floor;
            };
          }};
}

}  // namespace selfsup::train
