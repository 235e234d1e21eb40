// The axes of a chart, which its drawings share. Knows no drawing.
#pragma once
#include <optional>
#include <string>

#include "report/axis.h"
#include "report/chart.h"

namespace selfsup::report {

struct ChartAxes {
  // up, along: about how many ticks. The chart is not empty.
  ChartAxes(const Chart& chart, int up, int along);

  Axis across;                      // iterations
  std::optional<Axis> left, right;  // none: nothing to draw on that side
};

std::string count_text(double count);  // "1,500"
std::string last_text(const Line& line,
                      const Scale& scale);  // the value of the last finite point: "0.4740"; "" for none

}  // namespace selfsup::report
