#include "train/schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/errors.h"

namespace selfsup::train {
namespace {

[[noreturn]] void refuse(const Json& node, const std::string& text, const std::string& key = "param_scheduler") {
  throw Error(Exit::usage, fmt::format("{}: {}: {}", describe(node.origin), key, text));
}

// "CosineAnnealingLR" -> cosine of lr; the suffix names the quantity.
void read_type(const Json& node, Schedule& schedule) {
  using Shape = Schedule::Shape;
  static constexpr std::pair<std::string_view, Shape> shapes[] = {{"Constant", Shape::constant},
                                                                  {"Linear", Shape::linear},
                                                                  {"CosineAnnealing", Shape::cosine},
                                                                  {"MultiStep", Shape::multi_step},
                                                                  {"Step", Shape::step},
                                                                  {"Exponential", Shape::exponential},
                                                                  {"Poly", Shape::poly}};
  const std::string& type = node.get("type").as_string();
  for (const auto& [name, shape] : shapes) {
    if (!type.starts_with(name)) continue;
    const std::string_view suffix = std::string_view(type).substr(name.size());
    schedule.shape = shape;
    if (suffix == "LR") {
      schedule.quantity = Quantity::lr;
    } else if (suffix == "Momentum") {
      schedule.quantity = Quantity::momentum;
    } else if (suffix == "ParamScheduler") {
      const std::string& param = node.get("param_name").as_string();
      if (param == "lr") {
        schedule.quantity = Quantity::lr;
      } else if (param == "momentum") {
        schedule.quantity = Quantity::momentum;
      } else if (param == "weight_decay") {
        schedule.quantity = Quantity::weight_decay;
      } else {
        refuse(node.get("param_name"),
               fmt::format("param_name is \"lr\", \"momentum\" or \"weight_decay\", not \"{}\"", param));
      }
    } else {
      continue;
    }
    return;
  }
  refuse(node.get("type"),
         fmt::format("there is no schedule \"{}\"; there are ConstantLR, LinearLR, CosineAnnealingLR, MultiStepLR, "
                     "StepLR, ExponentialLR and PolyLR, and each with Momentum or ParamScheduler in place of LR",
                     type));
}

int64_t positive(const Json& node, std::string_view key) {
  const int64_t value = node.get(key).as_int();
  if (value < 1) refuse(node.get(key), fmt::format("{} is at least 1, not {}", key, value));
  return value;
}

void read_shape(const Json& node, Schedule& s) {
  using Shape = Schedule::Shape;
  switch (s.shape) {
    case Shape::constant:
      s.start_factor = node.get_double("factor", 1.0 / 3);
      break;
    case Shape::linear:
      s.start_factor = node.get_double("start_factor", 1.0 / 3);
      s.end_factor = node.get_double("end_factor", 1);
      if (!(s.end_factor >= 0 && s.end_factor <= 1)) refuse(node.get("end_factor"), "end_factor is in [0, 1]");
      break;
    case Shape::cosine:
    case Shape::poly:
      s.power = node.get_double("power", 1);
      s.eta_min_is_ratio = node.has("eta_min_ratio") && !node.get("eta_min_ratio").is_null();
      if (s.eta_min_is_ratio && node.has("eta_min") && !node.get("eta_min").is_null())
        refuse(node.get("eta_min"), "eta_min and eta_min_ratio exclude each other");
      s.eta_min = node.get_double(s.eta_min_is_ratio ? "eta_min_ratio" : "eta_min", 0);
      break;
    case Shape::multi_step:
      for (const Json& milestone : node.get("milestones").as_array()) s.milestones.push_back(milestone.as_int());
      s.gamma = node.get_double("gamma", 0.1);
      break;
    case Shape::step:
      s.period = positive(node, "step_size");
      s.gamma = node.get_double("gamma", 0.1);
      break;
    case Shape::exponential:
      s.gamma = node.get("gamma").as_double();
      break;
  }
  // The recurrences divide by the factor they start from.
  if ((s.shape == Shape::constant || s.shape == Shape::linear) && !(s.start_factor > 0 && s.start_factor <= 1)) {
    const char* key = s.shape == Shape::constant ? "factor" : "start_factor";
    refuse(node.has(key) ? node.get(key) : node, fmt::format("{} is in (0, 1], not {}", key, s.start_factor));
  }
}

// key: the dotted key of `node`.
Schedule read_schedule(const Json& node, const RunLength& length, const std::string& key) {
  Schedule s;
  read_type(node, s);
  read_shape(node, s);
  s.by_epoch = node.get_bool("by_epoch", true);
  s.begin = node.get_int("begin", 0);
  s.end = node.get_int("end", s.by_epoch ? length.max_epochs : length.max_iters);
  if (s.begin < 0 || s.end <= s.begin)
    refuse(node.has("begin") ? node.get("begin") : node,
           fmt::format("expected at least 0 and less than end ({}), found {}", s.end, s.begin), key + ".begin");
  if (s.shape == Schedule::Shape::cosine) {
    const Json* period = node.find("T_max");
    s.period = period && !period->is_null() ? positive(node, "T_max") : s.end - s.begin;
  }
  if (node.get_bool("convert_to_iter_based", false)) {
    if (!s.by_epoch) refuse(node, "convert_to_iter_based needs by_epoch true");
    s.by_epoch = false;
    const auto to_iterations = [&](int64_t& epochs) {
      if (__builtin_mul_overflow(epochs, length.epoch_length, &epochs))
        refuse(node, fmt::format("more iterations than can be counted, with {} in an epoch", length.epoch_length));
    };
    to_iterations(s.begin);
    to_iterations(s.end);
    to_iterations(s.period);
    for (int64_t& milestone : s.milestones) to_iterations(milestone);
  }
  return s;
}

}  // namespace

double Schedule::apply(int64_t step, double value, double base) const {
  const int64_t last = end - begin - 1;  // the step that reaches the end value
  const double floor = eta_min_is_ratio ? base * eta_min : eta_min;
  switch (shape) {
    case Shape::constant:
      if (step == 0) return value * start_factor;
      return step == last ? value * (1 / start_factor) : value;
    case Shape::linear: {
      if (step == 0) return value * start_factor;
      const double rise = end_factor - start_factor;
      const double before = static_cast<double>(last) * start_factor + static_cast<double>(step - 1) * rise;
      return value * (1 + rise / before);
    }
    case Shape::cosine: {
      if (step == 0) return value;
      const auto T = static_cast<double>(period), t = static_cast<double>(step);
      // At a trough the ratio below is 0 / 0; the way up starts from the base value's own curve.
      if ((step - 1 - period) % (2 * period) == 0)
        return value + (base - floor) * (1 - std::cos(std::numbers::pi / T)) / 2;
      const double ratio = (1 + std::cos(std::numbers::pi * t / T)) / (1 + std::cos(std::numbers::pi * (t - 1) / T));
      return ratio * (value - floor) + floor;
    }
    case Shape::multi_step:
      return value * std::pow(gamma, static_cast<double>(std::ranges::count(milestones, step)));
    case Shape::step:
      return step == 0 || step % period != 0 ? value : value * gamma;
    case Shape::exponential:
      return step == 0 ? value : value * gamma;
    case Shape::poly:
      if (step == 0) return value;
      return (value - floor) * std::pow(1 - 1 / static_cast<double>(last - step + 1), power) + floor;
  }
  return value;
}

Schedules::Schedules(const Json& config, const RunLength& length) : length_(length) {
  if (config.is_null()) return;
  if (config.is_object()) {
    schedules_.push_back(read_schedule(config, length, "param_scheduler"));
    return;
  }
  for (const Json& node : config.as_array())
    schedules_.push_back(read_schedule(node, length, fmt::format("param_scheduler.{}", schedules_.size())));
}

bool Schedules::changes(Quantity quantity) const {
  return std::ranges::any_of(schedules_, [&](const Schedule& s) { return s.quantity == quantity; });
}

void Schedules::restart(Track& track) const {
  track.iteration = 0;
  track.value = track.base;
  for (const Schedule& s : schedules_)
    if (s.quantity == track.quantity && s.begin == 0) track.value = s.apply(0, track.value, track.base);
}

void Schedules::advance(Track& track) const {
  const int64_t done = ++track.iteration;
  const bool epoch_ends = done % length_.epoch_length == 0;
  for (const bool by_epoch : {false, true}) {
    if (by_epoch && !epoch_ends) continue;
    const int64_t count = by_epoch ? done / length_.epoch_length : done;
    for (const Schedule& s : schedules_)
      if (s.quantity == track.quantity && s.by_epoch == by_epoch && s.begin <= count && count < s.end)
        track.value = s.apply(count - s.begin, track.value, track.base);
  }
}

double Schedules::value(Quantity quantity, double base, int64_t iteration) {
  if (!changes(quantity)) return base;
  auto track = std::ranges::find_if(tracks_, [&](const Track& t) { return t.quantity == quantity && t.base == base; });
  if (track == tracks_.end()) {
    tracks_.push_back({quantity, base, base, 0});
    track = tracks_.end() - 1;
    restart(*track);
  }
  if (iteration < track->iteration) restart(*track);
  while (track->iteration < iteration) advance(*track);
  return track->value;
}

}  // namespace selfsup::train
