#include "report/chart_axes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <ranges>

namespace selfsup::report {
namespace {

std::optional<Axis> axis_of(const Scale& scale, int ticks) {
  double lowest = std::numeric_limits<double>::infinity(), highest = -lowest;
  for (const Line& line : scale.lines)
    for (const Point& point : line.points)
      if (std::isfinite(point.value)) lowest = std::min(lowest, point.value), highest = std::max(highest, point.value);
  if (lowest > highest) return std::nullopt;
  return axis_over(lowest, highest, ticks, true);
}

}  // namespace

ChartAxes::ChartAxes(const Chart& chart, int up, int along)
    : left(axis_of(chart.left, up)), right(axis_of(chart.right, up)) {
  int64_t last = 1;
  for (const Scale* scale : {&chart.left, &chart.right})
    for (const Line& line : scale->lines)
      for (const Point& point : line.points) last = std::max(last, point.step);
  across = axis_over(0, static_cast<double>(last), along, false);
  // There is no half iteration.
  if (across.step < 1) across = axis_over(0, static_cast<double>(last), static_cast<int>(last), false);
}

std::string count_text(double count) {
  std::string digits = fmt::format("{:.0f}", count);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<size_t>(at), ",");
  return digits;
}

std::string last_text(const Line& line, const Scale& scale) {
  for (const Point& point : std::views::reverse(line.points))
    if (std::isfinite(point.value))
      return (scale.unit.empty() ? fmt::format("{:.4g}", point.value) : fmt::format("{:.1f}", point.value)) +
             scale.unit;
  return "";
}

}  // namespace selfsup::report
