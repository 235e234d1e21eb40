#include "report/history.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "base/errors.h"
#include "base/json.h"
#include "report/lines.h"

namespace selfsup::report {
namespace {

void take_line(const std::string& line, const std::string& path, History& history) try {
  const Json object = parse_json(line, path, "metrics");
  const Json* step = object.find("step");
  if (!step || !step->is_int()) return;
  for (const auto& [name, value] : object.as_object())
    if (value.is_number() || value.is_null())
      history.add(name,
                  {step->as_int(), value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.as_double()});
} catch (const Error&) {
}

bool lower(const Point& a, const Point& b) { return a.value < b.value; }

}  // namespace

History::History(const std::string& path) {
  std::optional<Lines> lines = Lines::of(path);
  for (std::string line; lines && lines->next(line);) take_line(line, path, *this);
}

void History::add(std::string_view name, Point point) {
  auto series = std::ranges::find(series_, name, &Series::name);
  if (series == series_.end()) series = series_.insert(series, {std::string(name), {}});
  series->points.push_back(point);
  last_step_ = std::max(last_step_, point.step);
}

const Series* History::find(std::string_view name) const {
  const auto series = std::ranges::find(series_, name, &Series::name);
  return series == series_.end() ? nullptr : &*series;
}

const Point* History::last(std::string_view name) const {
  const Series* series = find(name);
  return series ? &series->points.back() : nullptr;
}

std::vector<Point> thinned(const std::vector<Point>& points, size_t most) {
  if (points.size() <= most) return points;
  std::vector<Point> out;
  const size_t stretches = std::max<size_t>(1, most / 4);
  for (size_t i = 0; i < stretches; ++i) {
    const auto begin = points.begin() + static_cast<std::ptrdiff_t>(i * points.size() / stretches);
    const auto end = points.begin() + static_cast<std::ptrdiff_t>((i + 1) * points.size() / stretches);
    std::vector<std::vector<Point>::const_iterator> kept = {begin, end - 1};
    // A gap of the line stays one.
    if (const auto gap = std::find_if(begin, end, [](const Point& p) { return !std::isfinite(p.value); }); gap != end)
      kept.push_back(gap);
    else
      kept.insert(kept.end(), {std::min_element(begin, end, lower), std::max_element(begin, end, lower)});
    std::sort(kept.begin(), kept.end());
    kept.erase(std::unique(kept.begin(), kept.end()), kept.end());
    for (const auto point : kept) out.push_back(*point);
  }
  return out;
}

}  // namespace selfsup::report
