// Half a cosine from the value down to the lowest, and up again.
#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "base/errors.h"
#include "train/schedules/schedule.h"

namespace selfsup::train {
namespace {

bool given(const Json& config, std::string_view key) {
  const Json* value = config.find(key);
  return value && !value->is_null();
}

}  // namespace

ScheduleShape cosine_annealing() {
  return {"CosineAnnealing", R"({"properties": {
            "T_max": {"type": "integer", "minimum": 1, "maximum": 1000000000, "description": "steps of the way down; absent: end - begin"},
            "eta_min": {"type": ["number", "null"], "minimum": 0, "description": "the lowest value; absent: 0"},
            "eta_min_ratio": {"type": ["number", "null"], "minimum": 0, "description": "the same as a share of the value at the start"}}})",
          [](const Json& config, const Window& window) -> Curve {
            const Json* T_max = config.find("T_max");
            const int64_t period = T_max ? T_max->as_int() * window.unit : window.length;
            const double floor = config.get_double("eta_min", 0), ratio = config.get_double("eta_min_ratio", 0);
            if (given(config, "eta_min") && given(config, "eta_min_ratio"))
              throw Error(Exit::usage, fmt::format("{}: param_scheduler: eta_min and eta_min_ratio exclude each other",
                                                   describe(config.get("eta_min").source)));
            return [period, floor, ratio](int64_t step, double value, double base) {
              if (step == 0) return value;
              const double lowest = floor + ratio * base;
              const auto T = static_cast<double>(period), t = static_cast<double>(step);
              // At a trough the drop below is 0 / 0; the way up starts from the base value's own curve.
              if ((step - 1 - period) % (2 * period) == 0)
                return value + (base - lowest) * (1 - std::cos(std::numbers::pi / T)) / 2;
              const double drop =
                  (1 + std::cos(std::numbers::pi * t / T)) / (1 + std::cos(std::numbers::pi * (t - 1) / T));
              return drop * (value - lowest) + lowest;
            };
          }};
}

}  // namespace selfsup::train
