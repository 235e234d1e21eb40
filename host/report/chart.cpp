#include "report/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <optional>

#include "report/axis.h"
#include "report/chart_axes.h"
#include "report/markup.h"

namespace selfsup::report {
namespace {

constexpr double kWidth = 800, kHeight = 360, kTop = 52, kBottom = 46, kSide = 66, kBareSide = 26;
constexpr size_t kMostPoints = 1200, kMostMarks = 60;

constexpr char kStyle[] = R"(<style>
.chart text{font:13px system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif}
.chart .line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
)";

struct Shades {
  const char *ground, *frame, *ink;
  const char* lines[5];
};
constexpr Shades kLight = {"#ffffff", "#d0d7de", "#57606a", {"#0969da", "#bc4c00", "#8250df", "#1a7f37", "#bf3989"}};
constexpr Shades kDark = {"#0d1117", "#30363d", "#9198a1", {"#58a6ff", "#f0883e", "#bc8cff", "#3fb950", "#f778ba"}};

// Plain rules only: not every program that shows SVG knows custom properties.
std::string rules(const Shades& shades) {
  std::string out =
      fmt::format(".chart .ground{{fill:{}}}\n.chart .grid{{fill:none;stroke:{}}}\n.chart text{{fill:{}}}\n",
                  shades.ground, shades.frame, shades.ink);
  for (size_t i = 0; i < std::size(shades.lines); ++i)
    out += fmt::format(".chart .line.c{0}{{stroke:{1}}}\n.chart text.c{0},.chart circle.c{0}{{fill:{1}}}\n", i,
                       shades.lines[i]);
  return out;
}

// A chart in the making: what is drawn, in order.
class Drawing {
 public:
  Drawing(const Chart& chart, const ChartAxes& axes)
      : axes_(axes), right_(axes.right ? kWidth - kSide : kWidth - kBareSide) {
    out_ = fmt::format(
        R"(<svg class="chart" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0:.0f} {1:.0f}" width="{0:.0f}" height="{1:.0f}" role="img">)"
        "\n<title>{2}</title>\n{3}",
        kWidth, kHeight, escaped(chart.title), kStyle);
    out_ += fmt::format("{}@media(prefers-color-scheme:dark){{\n{}}}\n", rules(kLight), rules(kDark));
    out_ += fmt::format("</style>\n<rect class=\"ground\" width=\"{:.0f}\" height=\"{:.0f}\" rx=\"8\"/>\n", kWidth,
                        kHeight);
  }

  void draw_axes(const Chart& chart) {
    const Axis& grid = axes_.left ? *axes_.left : *axes_.right;
    for (const double tick : grid.ticks)
      out_ += fmt::format("<path class=\"grid\" d=\"M{:.1f} {:.1f}H{:.1f}\"/>\n", kSide, y(grid, tick), right_);
    if (axes_.left) scale(*axes_.left, chart.left.unit, kSide - 10, "end");
    if (axes_.right) scale(*axes_.right, chart.right.unit, right_ + 10, "start");
    for (const double tick : axes_.across.ticks) {
      out_ += fmt::format("<path class=\"grid\" d=\"M{:.1f} {:.1f}v5\"/>\n", x(tick), kHeight - kBottom);
      text(x(tick), kHeight - kBottom + 19, "middle", "", count_text(tick));
    }
    text((kSide + right_) / 2, kHeight - 8, "middle", "", "iteration");
  }

  void draw(const Line& line, const Axis& axis, size_t color) {
    std::string path;
    bool pen_down = false;
    size_t finite = 0;
    const std::vector<Point> points = thinned(line.points, kMostPoints);
    for (const Point& point : points) {
      if (std::isfinite(point.value))
        path += fmt::format("{}{:.1f} {:.1f}", pen_down ? "L" : "M", x(static_cast<double>(point.step)),
                            y(axis, point.value)),
            ++finite;
      pen_down = std::isfinite(point.value);
    }
    if (finite > 1) out_ += fmt::format("<path class=\"line c{}\" d=\"{}\"/>\n", color, path);
    if (finite > kMostMarks || (finite > 1 && !marked_)) return;
    for (const Point& point : points)
      if (std::isfinite(point.value))
        out_ += fmt::format("<circle class=\"c{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3.5\"/>\n", color,
                            x(static_cast<double>(point.step)), y(axis, point.value));
  }

  // Every line's points are marked from here on: those that are few.
  void mark() { marked_ = true; }

  // In a row above the chart: what the line is, and where it ends.
  void legend(const Line& line, const Scale& scale, size_t color) {
    const std::string words = fmt::format("{} {}", line.label, last_text(line, scale));
    out_ += fmt::format("<path class=\"line c{}\" d=\"M{:.1f} 27h18\"/>\n", color, legend_);
    text(legend_ + 25, 31, "start", fmt::format("c{}", color), words);
    legend_ += 25 + 7.3 * static_cast<double>(words.size()) + 22;
  }

  std::string finish() { return std::move(out_) + "</svg>\n"; }

 private:
  double x(double step) const { return kSide + axes_.across.place(step) * (right_ - kSide); }
  double y(const Axis& axis, double value) const {
    return kHeight - kBottom - axis.place(value) * (kHeight - kBottom - kTop);
  }
  void scale(const Axis& axis, const std::string& unit, double at, const char* anchor) {
    for (const double tick : axis.ticks) text(at, y(axis, tick) + 4.5, anchor, "", axis.text(tick) + unit);
  }
  void text(double at_x, double at_y, const char* anchor, const std::string& style, const std::string& words) {
    out_ += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{}>{}</text>\n", at_x, at_y, anchor,
                        style.empty() ? "" : fmt::format(" class=\"{}\"", style), escaped(words));
  }

  const ChartAxes& axes_;
  const double right_;
  double legend_ = kSide;
  bool marked_ = false;
  std::string out_;
};

size_t finite_points(const Line& line) {
  return static_cast<size_t>(
      std::ranges::count_if(line.points, [](const Point& point) { return std::isfinite(point.value); }));
}

}  // namespace

size_t Chart::points() const {
  size_t most = 0;
  for (const Scale* scale : {&left, &right})
    for (const Line& line : scale->lines) most = std::max(most, finite_points(line));
  return most;
}

bool Chart::empty() const { return points() == 0; }

std::string chart_svg(const Chart& chart) {
  if (chart.empty()) return "";
  const ChartAxes axes(chart, 5, 6);
  Drawing drawing(chart, axes);
  drawing.draw_axes(chart);
  // Colours: 0 the first line of the left scale, 1 the first of the right one, then the others in turn.
  size_t others = 0;
  const auto all = [&](const Scale& scale, const std::optional<Axis>& axis, size_t first) {
    for (size_t i = 0; axis && i < scale.lines.size(); ++i) {
      if (finite_points(scale.lines[i]) == 0) continue;
      const size_t color = i == 0 ? first : 2 + others++ % 3;
      drawing.draw(scale.lines[i], *axis, color);
      drawing.legend(scale.lines[i], scale, color);
    }
  };
  all(chart.left, axes.left, 0);
  drawing.mark();
  all(chart.right, axes.right, 1);
  return drawing.finish();
}

}  // namespace selfsup::report
