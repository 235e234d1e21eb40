#include "report/curve.h"

#include <string>
#include <string_view>

namespace selfsup::report {
namespace {

// Nothing where the history has no such series.
void take(const History& history, std::string_view name, std::string label, double times, Scale& scale) {
  const Series* series = history.find(name);
  if (!series) return;
  Line line{std::move(label), series->points};
  for (Point& point : line.points) point.value *= times;
  scale.lines.push_back(std::move(line));
}

}  // namespace

Chart loss_and_knn(const History& history) {
  Chart chart{"loss and kNN over the iterations of the run", {}, {" %", {}}};
  take(history, "loss", "loss", 1, chart.left);
  for (const Series& series : history.series())
    if (series.name.find("loss") != std::string::npos && series.name != "loss")
      take(history, series.name, series.name, 1, chart.left);
  take(history, "probe/knn", "kNN", 100, chart.right);
  return chart;
}

Chart collapse_gauges(const History& history) {
  Chart chart{"feature std and effective rank over the iterations of the run", {}, {}};
  take(history, "probe/feature_std", "feature std", 1, chart.left);
  take(history, "probe/effective_rank", "effective rank", 1, chart.right);
  return chart;
}

Chart rates(const History& history) {
  Chart chart{"learning rate over the iterations of the run", {}, {}};
  take(history, "lr", "lr", 1, chart.left);
  return chart;
}

}  // namespace selfsup::report
