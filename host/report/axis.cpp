#include "report/axis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace selfsup::report {
namespace {

double round_step(double rough) {
  const double power = std::pow(10, std::floor(std::log10(rough)));
  for (const double times : {1.0, 2.0, 5.0})
    if (rough <= times * power * 1.0001) return times * power;
  return 10 * power;
}

}  // namespace

std::string Axis::text(double tick) const {
  const double size = std::max(std::abs(low), std::abs(high));
  if (size >= 1e6 || (size > 0 && size < 1e-3)) return fmt::format("{:.3g}", std::abs(tick) < step / 2 ? 0.0 : tick);
  const int digits = std::clamp(static_cast<int>(-std::floor(std::log10(step) + 1e-9)), 0, 9);
  return fmt::format("{:.{}f}", std::abs(tick) < step / 2 ? 0.0 : tick, digits);
}

Axis axis_over(double lowest, double highest, int count, bool outward) {
  if (!std::isfinite(lowest) || !std::isfinite(highest)) lowest = 0, highest = 1;
  // Values that are all but equal get a range around them, so that their line lies in the middle.
  const double least = std::max({std::abs(lowest), std::abs(highest), 1e-300}) * 1e-6;
  if (highest - lowest < least) {
    const double around = lowest == 0 && highest == 0 ? 1 : std::max(std::abs(lowest), std::abs(highest)) * 0.1;
    lowest -= around, highest += around;
  }
  Axis axis;
  axis.step = round_step((highest / count - lowest / count));
  axis.low = outward ? std::floor(lowest / axis.step + 1e-9) * axis.step : lowest;
  axis.high = outward ? std::ceil(highest / axis.step - 1e-9) * axis.step : highest;
  const auto first = std::ceil(axis.low / axis.step - 1e-9), last = std::floor(axis.high / axis.step + 1e-9);
  for (double i = first; i <= last && axis.ticks.size() < 100; ++i) axis.ticks.push_back(i * axis.step + 0.0);  // no -0
  return axis;
}

}  // namespace selfsup::report
