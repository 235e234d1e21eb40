// A factor at each milestone.
#include <algorithm>
#include <cmath>

#include "train/schedules/schedule.h"

namespace selfsup::train {

ScheduleShape multi_step() {
  return {"MultiStep", R"({"properties": {
    "milestones": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 1000000000}, "description": "steps, counted from begin"},
    "gamma": {"type": "number", "minimum": 0, "default": 0.1, "description": "factor at each milestone"}},
    "required": ["milestones"]})",
          [](const Json& config, const Window& window) -> Curve {
            std::vector<int64_t> milestones;
            for (const Json& milestone : config.get("milestones").as_array())
              milestones.push_back(milestone.as_int() * window.unit);
            return [milestones, gamma = config.get("gamma").as_double()](int64_t step, double value, double) {
              return value * std::pow(gamma, static_cast<double>(std::ranges::count(milestones, step)));
            };
          }};
}

}  // namespace selfsup::train
