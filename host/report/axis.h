// The scale of a chart's axis: a range that holds its values, and round numbers to write beside it. Knows no pixels.
#pragma once
#include <string>
#include <vector>

namespace selfsup::report {

struct Axis {
  double low = 0, high = 1;   // low < high; ticks lie in between
  std::vector<double> ticks;  // multiples of one round step (1, 2 or 5 times a power of ten)

  // 0 .. 1.
  double place(double value) const { return (value - low) / (high - low); }
  // With as many digits as tell the ticks apart.
  std::string text(double tick) const;

  double step = 1;
};

// From the lowest to the highest, which need not differ, with `count` ticks or a few less or more. Values that are not
// finite are no values. outward: the range begins and ends with a tick.
Axis axis_over(double lowest, double highest, int count, bool outward);

}  // namespace selfsup::report
