// A factor in every step.
#include "train/schedules/schedule.h"

namespace selfsup::train {

ScheduleShape exponential() {
  return {
      "Exponential",
      R"({"properties": {"gamma": {"type": "number", "minimum": 0, "description": "factor in every step"}}, "required": ["gamma"]})",
      [](const Json& config, const Window&) -> Curve {
        return [gamma = config.get("gamma").as_double()](int64_t step, double value, double) {
          return step == 0 ? value : value * gamma;
        };
      }};
}

}  // namespace selfsup::train
