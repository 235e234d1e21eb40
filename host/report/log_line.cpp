#include "report/log_line.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <cmath>

namespace selfsup::report {
namespace {

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(); }

}  // namespace

std::string duration_text(double seconds) {
  const bool sane = std::isfinite(seconds) && seconds > 0 && seconds < 1e15;
  const int64_t total = sane ? static_cast<int64_t>(seconds) : 0;
  const int64_t days = total / 86400;
  std::string text;
  if (days) text = fmt::format("{} day{}, ", days, days == 1 ? "" : "s");
  return text + fmt::format("{}:{:02}:{:02}", total / 3600 % 24, total / 60 % 60, total % 60);
}

int64_t peak_memory_mib() {
  struct rusage usage;
  return ::getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_maxrss / 1024 : 0;  // Linux counts in KiB
}

std::string train_line(const TrainPoint& p) {
  std::string line;
  if (p.by_epoch) {
    // The bracket of the epoch ends in one column for the whole run: "[", "]" and a space around its digits.
    const size_t width = std::to_string(p.max_epochs).size() + 3;
    line = fmt::format("Epoch(train){:>{}}[{:>{}}/{}]", fmt::format("[{}]", p.epoch), width, p.epoch_iter,
                       std::to_string(p.epoch_iters).size(), p.epoch_iters);
  } else {
    line = fmt::format("Iter(train) [{:>{}}/{}]", p.iter, std::to_string(p.max_iters).size(), p.max_iters);
  }
  for (const auto& [name, value] : p.rates) line += fmt::format("  {}: {:.4e}", name, value);
  line += fmt::format("  eta: {}  time: {:.4f}  data_time: {:.4f}  memory: {}", duration_text(p.eta_seconds), p.time,
                      p.data_time, p.memory_mib);
  for (const auto& [name, value] : p.scalars) line += fmt::format("  {}: {:.4f}", name, value);
  return line;
}

Json metrics_object(const TrainPoint& p) {
  Json object = Json::object();
  for (const auto& [name, value] : p.rates) object.set(name, number(value));
  object.set("data_time", number(p.data_time));
  for (const auto& [name, value] : p.scalars) object.set(name, number(value));
  object.set("time", number(p.time));
  object.set("epoch", p.epoch);
  object.set("iter", p.iter);
  object.set("memory", p.memory_mib);
  object.set("step", p.iter);
  return object;
}

}  // namespace selfsup::report
