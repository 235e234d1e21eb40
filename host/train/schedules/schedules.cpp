#include "train/schedules/schedules.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/errors.h"
#include "config/layers.h"
#include "config/schema.h"

namespace selfsup::train {
namespace {

constexpr char kKeys[] = R"({
  "type": "object",
  "properties": {
    "type": {"type": "string"},
    "begin": {"type": "integer", "minimum": 0, "maximum": 1000000000, "default": 0, "description": "first step"},
    "end": {"type": "integer", "minimum": 0, "maximum": 1000000000, "description": "the step after the last; absent: the run's end"},
    "by_epoch": {"type": "boolean", "default": true, "description": "steps are epochs; false: iterations"},
    "convert_to_iter_based": {"type": "boolean", "default": false, "description": "all is given in epochs and done in every iteration"},
    "last_step": {"type": "integer", "enum": [-1], "description": "nothing else is needed: --resume knows the step"},
    "verbose": {"type": "boolean", "description": "no effect"}}})";

constexpr char kParamName[] = R"({
  "properties": {
    "param_name": {"type": "string", "enum": ["lr", "momentum", "weight_decay"], "description": "what changes"}}})";

Json schema_of(const ScheduleShape& shape, bool with_param_name) {
  const auto parse = [](std::string_view text) { return parse_json(text, "the schemas of schedulers", "schema"); };
  Json schema = config::merge(parse(kKeys), parse(shape.keys));
  if (with_param_name) {
    schema = config::merge(std::move(schema), parse(kParamName));
    Json required = schema.has("required") ? schema.get("required") : Json::array();
    required.as_array().emplace_back("param_name");
    schema.set("required", std::move(required));
  }
  return config::parse_schema(to_text(schema), "a scheduler");
}

Quantity quantity_of(const std::string& param_name) {
  return param_name == "lr" ? Quantity::lr : param_name == "momentum" ? Quantity::momentum : Quantity::weight_decay;
}

}  // namespace

const Registry<SchedulerType>& scheduler_types() {
  static const Registry<SchedulerType> types([] {
    std::vector<SchedulerType> all;
    for (const ScheduleShape& shape : schedule_shapes()) {
      const std::string stem(shape.stem);
      all.push_back({{stem + "LR"}, schema_of(shape, false), Quantity::lr, shape.make, shape.rises});
      all.push_back({{stem + "Momentum"}, schema_of(shape, false), Quantity::momentum, shape.make, shape.rises});
      all.push_back({{stem + "ParamScheduler"}, schema_of(shape, true), std::nullopt, shape.make, shape.rises});
    }
    return all;
  }());
  return types;
}

Schedules::Schedule Schedules::read(const Json& config, const std::string& key) const {
  const auto refuse = [&](const Json& at, const std::string& below, const std::string& text) {
    throw Error(Exit::usage, fmt::format("{}: {}.{}: {}", describe(at.source), key, below, text));
  };
  const SchedulerType& type = scheduler_types().get(config.get("type").as_string());
  Schedule s;
  s.name = fmt::format("{}: {} ({})", describe(config.source), key, config.get("type").as_string());
  s.quantity = type.quantity ? *type.quantity : quantity_of(config.get("param_name").as_string());
  s.by_epoch = config.get("by_epoch").as_bool();
  s.rises = type.rises && type.rises(config);
  s.begin = config.get("begin").as_int();
  const Json* end = config.find("end");
  s.end = end ? end->as_int() : s.by_epoch ? length_.max_epochs : length_.max_iters;
  if (s.end <= s.begin)
    refuse(config.get("begin"), "begin", fmt::format("expected less than end ({}), found {}", s.end, s.begin));
  int64_t unit = 1;
  if (const Json& converted = config.get("convert_to_iter_based"); converted.as_bool()) {
    if (!s.by_epoch) refuse(converted, "convert_to_iter_based", "needs by_epoch true");
    s.by_epoch = false;
    unit = length_.epoch_length;
  }
  s.begin *= unit;
  s.end *= unit;
  s.curve = type.make(config, {s.end - s.begin, unit});
  return s;
}

Schedules::Schedules(const Json& config, const RunLength& length) : length_(length) {
  if (config.is_null()) return;
  if (config.is_object()) {
    schedules_.push_back(read(config, "param_scheduler"));
    return;
  }
  for (const Json& node : config.as_array())
    schedules_.push_back(read(node, fmt::format("param_scheduler.{}", schedules_.size())));
}

bool Schedules::changes(Quantity quantity) const {
  return std::ranges::any_of(schedules_, [&](const Schedule& s) { return s.quantity == quantity; });
}

std::string Schedules::unfinished_rise(double base_lr) const {
  const auto steps = [&](const Schedule& s) { return s.by_epoch ? length_.max_epochs : length_.max_iters; };
  const auto found = std::ranges::find_if(schedules_, [&](const Schedule& s) {
    return s.quantity == Quantity::lr && s.rises && s.begin < steps(s) && (s.end - s.begin == 1 || steps(s) < s.end);
  });
  if (found == schedules_.end()) return {};
  const std::string why =
      found->end - found->begin == 1
          ? "has one step, the lowest, and all that follows is a share of it; give it two or more, or leave it out"
          : fmt::format("rises for {} {}, and this run has {}; shorten it, or lengthen the run", found->end,
                        found->by_epoch ? "epochs" : "iterations", steps(*found));
  constexpr int64_t kWalked = 20'000'000;  // iterations that are looked at in no time
  if (length_.max_iters > kWalked)
    return fmt::format("{} {}. The learning rate stays below {:.4g}", found->name, why, base_lr);
  Schedules walk(*this);
  double highest = 0;
  for (int64_t i = 0; i < length_.max_iters; ++i) highest = std::max(highest, walk.value(Quantity::lr, base_lr, i));
  return fmt::format("{} {}. The learning rate reaches {:.4g} at most, not {:.4g}", found->name, why, highest, base_lr);
}

void Schedules::restart(Track& track) const {
  track.iteration = 0;
  track.value = track.base;
  for (const Schedule& s : schedules_)
    if (s.quantity == track.quantity && s.begin == 0) track.value = s.curve(0, track.value, track.base);
}

void Schedules::advance(Track& track) const {
  const int64_t done = ++track.iteration;
  const bool epoch_ends = done % length_.epoch_length == 0;
  for (const bool by_epoch : {false, true}) {
    if (by_epoch && !epoch_ends) continue;
    const int64_t count = by_epoch ? done / length_.epoch_length : done;
    for (const Schedule& s : schedules_)
      if (s.quantity == track.quantity && s.by_epoch == by_epoch && s.begin <= count && count < s.end)
        track.value = s.curve(count - s.begin, track.value, track.base);
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
