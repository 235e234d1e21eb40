#include "train/loop.h"

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <utility>

namespace selfsup::train {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

Loop::Loop(const LoopParts& parts, const LoopOptions& options, const Course& course, const std::string& last_good)
    : parts_(parts),
      options_(options),
      course_(course),
      telemetry_(parts.group, parts.step.judges_norm(), parts.step.logs_norm()),
      last_good_(last_good),
      saved_at_(last_good.empty() ? -1 : course.at().iter) {}

void Loop::begin() {
  event(bridge::Event::ready);
  parts_.outside.begin(course_.step());
}

double Loop::first_loss() {
  begin();
  enter_epoch();
  fetch();
  return parts_.step.forward(course_.step(), batch_).total.item<double>();
}

Exit Loop::run() {
  const Position& at = course_.at();
  begin();
  if (at.iter > 0 && !course_.ended() && options_.evaluate.due(at)) parts_.outside.evaluate(course_.step());
  bool in_epoch = false, save_pending = false;
  mark_ = Clock::now();
  while (!course_.ended()) {
    if (!std::exchange(in_epoch, true)) enter_epoch();
    train_on_batch();
    if (course_.epoch_ended()) {
      course_.count_epoch();
      in_epoch = false;
    }
    parts_.outside.progress(at, course_.max_iters());

    // Saves and stops happen only where an optimizer step ends.
    save_pending = save_pending || options_.save.due(at);
    const auto stop = stop_requested();
    const bool saves = course_.step_ended() && (save_pending || stop || (course_.ended() && options_.save_last));
    if (saves) save();
    save_pending = save_pending && !saves;
    if (course_.step_ended() && stop) return *stop;
    const bool evaluates = !course_.ended() && options_.evaluate.due(at);
    if (evaluates) parts_.outside.evaluate(course_.step());
    if (saves || evaluates) mark_ = Clock::now();  // their time is no part of an iteration's
  }
  telemetry_.read(last_good_);
  event(bridge::Event::end);
  return Exit::ok;
}

void Loop::enter_epoch() {
  if (course_.at().iter_in_epoch == 0) event(bridge::Event::epoch_begin);
  parts_.loader.start(static_cast<uint64_t>(course_.at().epoch), course_.at().iter_in_epoch);
}

void Loop::fetch() {
  if (!parts_.loader.next(batch_)) throw Error(Exit::failed, "an epoch had fewer batches than the loader promised");
}

void Loop::train_on_batch() {
  const auto asked = Clock::now();
  fetch();
  const double data_seconds = seconds_between(asked, Clock::now());

  const Position before = course_.at();
  set_rates();
  const Outcome outcome = parts_.step.run(course_.step(), batch_);
  course_.count_batch();
  if (course_.step_ended()) event(bridge::Event::updated);

  const auto now = Clock::now();
  telemetry_.add(before, outcome, seconds_between(std::exchange(mark_, now), now), data_seconds);
  if (telemetry_.due()) telemetry_.read(last_good_);
  if (course_.epoch_ended()) event(bridge::Event::epoch_end);
  log_if_due();
}

void Loop::set_rates() {
  const int64_t iter = course_.scheduled_iter();
  for (Optimizer::Group& group : parts_.optimizer.groups()) {
    group.lr = parts_.schedules.value(Quantity::lr, group.base_lr, iter);
    group.momentum = parts_.schedules.value(Quantity::momentum, group.base_momentum, iter);
    group.weight_decay = parts_.schedules.value(Quantity::weight_decay, group.base_weight_decay, iter);
  }
}

void Loop::event(bridge::Event event) {
  at::NoGradGuard no_grad;
  telemetry_.add(course_.at(), parts_.task.on_event(course_.step(), event));
}

std::optional<Exit> Loop::stop_requested() const {
  const auto here = parts_.outside.stop_requested();
  const auto code = static_cast<int>(parts_.group.highest(here ? static_cast<double>(*here) : 0));
  return code > 0 ? std::optional(static_cast<Exit>(code)) : std::nullopt;
}

// Called before a whole epoch is counted: its last iteration belongs to it.
void Loop::log_if_due() {
  const Position& at = course_.at();
  const Length& length = course_.length();
  const int64_t epoch_iters = course_.epoch_iters();
  const int64_t count = length.by_epoch ? at.iter_in_epoch : at.iter;
  const bool short_epoch = length.by_epoch && epoch_iters <= options_.log_interval && course_.epoch_ended();
  if (count % options_.log_interval != 0 && !short_epoch && !course_.ended()) return;
  telemetry_.read(last_good_);
  report::TrainPoint point;
  point.by_epoch = length.by_epoch;
  point.epoch = at.epoch + 1;
  point.max_epochs = length.max_epochs;
  point.epoch_iter = at.iter_in_epoch;
  point.epoch_iters = epoch_iters;
  point.iter = at.iter;
  point.max_iters = course_.max_iters();
  point.rates = {{"lr", parts_.optimizer.groups().at(0).lr}};
  point.time = telemetry_.mean_seconds();
  point.data_time = telemetry_.mean_data_seconds();
  point.eta_seconds = telemetry_.eta().seconds(course_.max_iters() - at.iter);
  point.memory_mib = parts_.outside.memory_mib();
  point.scalars = telemetry_.scalars();
  parts_.outside.log(point);
}

void Loop::save() {
  const Position& at = course_.at();
  if (saved_at_ == at.iter) return;
  telemetry_.read(last_good_);  // never save what has diverged
  const bool whole_epoch = course_.length().by_epoch && at.iter_in_epoch == 0;
  last_good_ =
      parts_.outside.save(whole_epoch ? fmt::format("epoch_{}", at.epoch) : fmt::format("iter_{}", at.iter), at);
  saved_at_ = at.iter;
}

}  // namespace selfsup::train
