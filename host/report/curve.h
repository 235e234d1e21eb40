// Which lines of a run's metrics make its curves. Knows no drawing.
#pragma once
#include "report/chart.h"
#include "report/history.h"

namespace selfsup::report {

Chart loss_and_knn(const History& history);     // every loss that is logged; kNN in percent, where a probe has run
Chart collapse_gauges(const History& history);  // of the probe's features
Chart rates(const History& history);            // learning rate

}  // namespace selfsup::report
