#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string_view>

#include "base/utf8.h"
#include "report/chart.h"
#include "report/chart_axes.h"

namespace selfsup::report {
namespace {

constexpr int kLeastColumns = 40;

struct Pens {
  std::string_view level, upright, from_above, to_below, from_below, to_above, mark;  // of lines
  std::string_view left, left_tick, right, right_tick, corner, bottom, bottom_tick, right_corner;
};
constexpr Pens kLines = {"─", "│", "╮", "╰", "╯", "╭", "●", "│", "┤", "│", "├", "└", "─", "┬", "┘"};
constexpr Pens kPlain = {"*", "|", "*", "*", "*", "*", "o", "|", "+", "|", "+", "+", "-", "+", "+"};

// Cells of one character each.
using Canvas = std::vector<std::vector<std::string_view>>;

struct Scaled {
  double low = 0, high = 1;
  int row(double value, int rows) const {  // 0: the top one
    return static_cast<int>(std::lround((high - value) / (high - low) * (rows - 1)));
  }
};

// The line at `count` places spread evenly over 0 .. last: means of what falls near each, straight lines in between.
std::vector<double> sampled(const std::vector<Point>& points, int64_t last, int count) {
  std::map<int, std::pair<double, int>> near;
  for (const Point& point : points)
    if (std::isfinite(point.value)) {
      auto& [sum, number] = near[static_cast<int>(
          std::lround(static_cast<double>(point.step) / static_cast<double>(last) * (count - 1)))];
      sum += point.value, ++number;
    }
  std::vector<double> out(static_cast<size_t>(count), std::numeric_limits<double>::quiet_NaN());
  for (auto at = near.begin(), next = at; at != near.end(); at = next) {
    next = std::next(at);
    const double here = at->second.first / at->second.second;
    const int until = next == near.end() ? at->first + 1 : next->first;
    const double there = next == near.end() ? here : next->second.first / next->second.second;
    for (int i = at->first; i < until; ++i)
      out[static_cast<size_t>(i)] = here + (there - here) * (i - at->first) / (until - at->first);
  }
  return out;
}

Scaled scale_of(const std::vector<double>& values) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const double value : values)
    if (std::isfinite(value)) low = std::min(low, value), high = std::max(high, value);
  const Axis axis = axis_over(low, high, 1, false);  // widened where there is one value only
  return {axis.low, axis.high};
}

void draw_line(const std::vector<double>& values, const Scaled& scale, const Pens& pens, Canvas& canvas) {
  const int rows = static_cast<int>(canvas.size());
  for (size_t column = 0; column + 1 < values.size(); ++column) {
    if (!std::isfinite(values[column]) || !std::isfinite(values[column + 1])) continue;
    const int from = scale.row(values[column], rows), to = scale.row(values[column + 1], rows);
    const auto put = [&](int row, std::string_view pen) { canvas[static_cast<size_t>(row)][column] = pen; };
    for (int row = std::min(from, to) + 1; row < std::max(from, to); ++row) put(row, pens.upright);
    put(from, from == to ? pens.level : to > from ? pens.from_above : pens.from_below);
    if (from != to) put(to, to > from ? pens.to_below : pens.to_above);
  }
}

void draw_marks(const std::vector<Point>& points, int64_t last, const Scaled& scale, const Pens& pens, Canvas& canvas) {
  const auto columns = static_cast<double>(canvas.front().size());
  for (const Point& point : points)
    if (std::isfinite(point.value)) {
      const double place = static_cast<double>(point.step) / static_cast<double>(last) * (columns - 1);
      canvas[static_cast<size_t>(scale.row(point.value, static_cast<int>(canvas.size())))]
            [static_cast<size_t>(std::lround(place))] = pens.mark;
    }
}

// The numbers beside the top, the middle and the bottom row.
std::vector<std::string> labels_of(const Scaled& scale, const std::string& unit, int rows) {
  std::vector<std::string> labels(static_cast<size_t>(rows));
  for (const int row : {0, (rows - 1) / 2, rows - 1}) {
    const double value = scale.high - (scale.high - scale.low) * row / std::max(1, rows - 1);
    labels[static_cast<size_t>(row)] =
        (unit.empty() ? fmt::format("{:.4g}", value) : fmt::format("{:.1f}", value)) + unit;
  }
  return labels;
}

int widest(const std::vector<std::string>& labels) {
  size_t width = 0;
  for (const std::string& label : labels) width = std::max(width, utf8_characters(label));
  return static_cast<int>(width);
}

std::string repeated(std::string_view pen, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += pen;
  return out;
}

const std::vector<Point>& points_of(const Scale& scale) {
  static const std::vector<Point> none;
  return scale.lines.empty() ? none : scale.lines.front().points;
}

bool any_finite(const std::vector<Point>& points) {
  return std::ranges::any_of(points, [](const Point& point) { return std::isfinite(point.value); });
}

}  // namespace

std::string chart_text(const Chart& chart, int columns, int rows, bool utf8) {
  const std::vector<Point>&left = points_of(chart.left), &right = points_of(chart.right);
  if (!any_finite(left) && !any_finite(right)) return "";
  const Pens& pens = utf8 ? kLines : kPlain;
  rows = std::max(rows, 2);
  int64_t last = 1;
  std::vector<double> marks;
  for (const std::vector<Point>* points : {&left, &right})
    for (const Point& point : *points) last = std::max(last, point.step);
  for (const Point& point : right) marks.push_back(point.value);
  const Scaled right_scale = scale_of(marks);
  std::vector<std::string> right_labels;
  if (any_finite(right)) right_labels = labels_of(right_scale, chart.right.unit, rows);

  // The labels of the left scale depend on the means that it is drawn from, and these on the width that labels leave.
  const auto inner = [&](int label) { return std::max(kLeastColumns, columns) - label - 2 - 2 - widest(right_labels); };
  constexpr int kLabel = 6;  // about
  const int width = std::max(8, inner(kLabel));
  const std::vector<double> line = sampled(left, last, width + 1);
  const Scaled left_scale = scale_of(line);
  std::vector<std::string> left_labels(static_cast<size_t>(rows));
  if (any_finite(left)) left_labels = labels_of(left_scale, chart.left.unit, rows);

  Canvas canvas(static_cast<size_t>(rows), std::vector<std::string_view>(static_cast<size_t>(width), " "));
  draw_line(line, left_scale, pens, canvas);
  if (!right_labels.empty()) draw_marks(right, last, right_scale, pens, canvas);

  const int margin = widest(left_labels);
  const auto head = [](const Scale& scale) { return scale.lines.empty() ? "" : scale.lines.front().label; };
  std::string out = fmt::format("{:>{}}", any_finite(left) ? head(chart.left) : "", margin);
  if (!right_labels.empty())
    out += fmt::format("{:>{}}", fmt::format("{} {}", pens.mark, head(chart.right)), width + 4);
  for (int row = 0; row < rows; ++row) {
    const std::string& label = left_labels[static_cast<size_t>(row)];
    out += fmt::format("\n{:>{}} {}", label, margin, label.empty() ? pens.left : pens.left_tick);
    for (const std::string_view cell : canvas[static_cast<size_t>(row)]) out += cell;
    if (right_labels.empty()) {
      out.erase(out.find_last_not_of(' ') + 1);
      continue;
    }
    const std::string& beside = right_labels[static_cast<size_t>(row)];
    out += beside.empty() ? std::string(pens.right) : fmt::format("{} {}", pens.right_tick, beside);
  }
  const int half = (width - 3) / 2;
  out += fmt::format("\n{:>{}} {}{}{}{}{}{}{}", "", margin, pens.corner, pens.bottom_tick, repeated(pens.bottom, half),
                     pens.bottom_tick, repeated(pens.bottom, width - 3 - half), pens.bottom_tick,
                     right_labels.empty() ? "" : pens.right_corner);
  const std::string middle = count_text(static_cast<double>(last) / 2), end = count_text(static_cast<double>(last));
  std::string below =
      fmt::format("{:>{}}  0{:>{}}", "", margin, middle, half + 1 + static_cast<int>(middle.size()) / 2);
  const int until = margin + 2 + width;
  below += fmt::format("{:>{}} iterations", end,
                       std::max(static_cast<int>(end.size()) + 1, until - static_cast<int>(below.size())));
  return out + "\n" + below;
}

}  // namespace selfsup::report
