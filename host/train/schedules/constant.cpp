// A share of the value from begin to end.
#include "train/schedules/schedule.h"

namespace selfsup::train {

ScheduleShape constant() {
  return {"Constant", R"({"properties": {
    "factor": {"type": "number", "exclusiveMinimum": 0, "maximum": 1, "default": 0.3333333333333333, "description": "of the value, from begin to end"}}})",
          [](const Json& config, const Window& window) -> Curve {
            return [factor = config.get("factor").as_double(), last = window.length - 1](int64_t step, double value,
                                                                                         double) {
              if (step == 0) return value * factor;
              return step == last ? value * (1 / factor) : value;
            };
          },
          [](const Json& config) { return config.get("factor").as_double() < 1; }};
}

}  // namespace selfsup::train
