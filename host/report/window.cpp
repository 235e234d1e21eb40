#include "report/window.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "base/errors.h"

namespace selfsup::report {
namespace {

// JSON has no number that is not finite.
Json number(double value) { return std::isfinite(value) ? Json(value) : Json(fmt::format("{}", value)); }
double number_of(const Json& node) {
  return node.is_string() ? std::strtod(node.as_string().c_str(), nullptr) : node.as_double();
}

}  // namespace

void Means::add(std::string_view name, double value) {
  auto mean = std::ranges::find(means_, name, &Mean::name);
  if (mean == means_.end()) mean = means_.insert(mean, {std::string(name)});
  mean->sum += value;
  mean->count += 1;
}

Scalars Means::take() {
  Scalars out;
  for (const Mean& mean : means_) out.emplace_back(mean.name, mean.sum / static_cast<double>(mean.count));
  means_.clear();
  return out;
}

Json Means::json() const {
  Json::Array list;
  for (const Mean& mean : means_)
    list.push_back(Json(Json::Object{{"name", mean.name}, {"sum", number(mean.sum)}, {"count", mean.count}}));
  return Json(std::move(list));
}

Means Means::of(const Json& list) {
  Means means;
  for (const Json& node : list.as_array()) {
    const Mean mean{node.get("name").as_string(), number_of(node.get("sum")), node.get("count").as_int()};
    if (mean.count < 1) throw Error(Exit::usage, fmt::format("{}: a mean over {} values", mean.name, mean.count));
    means.means_.push_back(mean);
  }
  return means;
}

void Window::tell(TrainPoint& point) {
  const auto iterations = static_cast<double>(std::exchange(iterations_, 0));
  point.time = std::exchange(seconds_, 0) / iterations;
  point.data_time = std::exchange(data_seconds_, 0) / iterations;
  point.scalars = of_steps_.take();
  std::ranges::move(of_events_.take(), std::back_inserter(point.scalars));
}

std::string Window::text() const {
  return to_text(Json(Json::Object{{"iterations", iterations_},
                                   {"seconds", number(seconds_)},
                                   {"data_seconds", number(data_seconds_)},
                                   {"steps", of_steps_.json()},
                                   {"events", of_events_.json()}}));
}

Window Window::of(std::string_view text, const std::string& source) try {
  const Json node = parse_json(text, source, "checkpoint");
  Window window;
  window.iterations_ = node.get("iterations").as_int();
  window.seconds_ = number_of(node.get("seconds"));
  window.data_seconds_ = number_of(node.get("data_seconds"));
  window.of_steps_ = Means::of(node.get("steps"));
  window.of_events_ = Means::of(node.get("events"));
  return window;
} catch (const Error& error) {
  throw Error(Exit::checkpoint, fmt::format("{}: no numbers of a log line: {}", source, error.what()));
}

}  // namespace selfsup::report
