// A factor every so many steps.
#include "train/schedules/schedule.h"

namespace selfsup::train {

ScheduleShape step() {
  return {"Step", R"({"properties": {
    "step_size": {"type": "integer", "minimum": 1, "maximum": 1000000000, "description": "steps between two changes"},
    "gamma": {"type": "number", "minimum": 0, "default": 0.1, "description": "factor at each change"}},
    "required": ["step_size"]})",
          [](const Json& config, const Window& window) -> Curve {
            return [size = config.get("step_size").as_int() * window.unit, gamma = config.get("gamma").as_double()](
                       int64_t step, double value, double) {
              return step == 0 || step % size != 0 ? value : value * gamma;
            };
          }};
}

}  // namespace selfsup::train
