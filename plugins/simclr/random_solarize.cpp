#include "random_solarize.hpp"

using namespace ssp;

const char* RandomSolarize::schema() {
  return R"({
  "type": "object",
  "description": "values from a threshold on are inverted",
  "properties": {
    "type": {"type": "string"},
    "threshold": {"type": "number", "minimum": 0, "maximum": 256, "default": 128, "description": "the lowest value that is inverted, of 0..255"},
    "prob": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.5, "description": "how often"}
  }
})";
}

RandomSolarize::RandomSolarize(const Scope& scope)
    : threshold_(scope.get("threshold", 128.0)), prob_(scope.get("prob", 0.5)) {}

void RandomSolarize::apply(Sample& sample) const {
  for (uint32_t view = 0; view < sample.count(); ++view)
    if (sample.random(view).chance(prob_)) sample.edit(view, edit::solarize(threshold_));
}
