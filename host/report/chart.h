// Owns what a chart over iterations shows, and its drawing as SVG and as text. Knows no file and no meaning of a line.
#pragma once
#include <string>
#include <vector>

#include "report/history.h"

namespace selfsup::report {

struct Line {
  std::string label;
  std::vector<Point> points;  // a point that is not finite leaves a gap
};

// Lines that share a scale. Without any finite point in them it is not drawn.
struct Scale {
  std::string unit;  // behind its numbers: " %"
  std::vector<Line> lines;
};

struct Chart {
  std::string title;  // for readers who do not see it
  Scale left, right;
  bool empty() const;     // not one point to draw
  size_t points() const;  // to draw, of the line that has most
};

// One <svg> element that needs nothing beside it: light or dark as the reader's system is. "" when empty.
std::string chart_svg(const Chart& chart);

// For a terminal: the first line of either scale, the left one drawn over the iterations, the right one as marks.
// utf8: line characters, else plain ASCII. At least 40 columns wide. Without a newline at the end; "" when empty.
std::string chart_text(const Chart& chart, int columns, int rows, bool utf8);

}  // namespace selfsup::report
