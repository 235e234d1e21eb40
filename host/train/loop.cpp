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

distributed::Phase phase_of(bridge::Event event) {
  switch (event) {
    case bridge::Event::ready:
      return distributed::Phase::ready;
    case bridge::Event::epoch_begin:
      return distributed::Phase::epoch_begin;
    case bridge::Event::updated:
      return distributed::Phase::updated;
    case bridge::Event::epoch_end:
      return distributed::Phase::epoch_end;
    case bridge::Event::end:
      return distributed::Phase::over;
    case bridge::Event::gradients:
      break;
  }
  return distributed::Phase::gradients;
}

}  // namespace

Loop::Loop(const LoopParts& parts, const LoopOptions& options, const Course& course, const std::string& last_good)
    : parts_(parts),
      options_(options),
      course_(course),
      last_good_(last_good),
      saved_at_(last_good.empty() || options.changes_course ? -1 : course.at().iter) {}

void Loop::begin() { event(bridge::Event::ready); }

double Loop::first_loss() {
  enter_epoch();
  fetch([] { return false; });
  return parts_.step.forward(course_.step(), batch_).total.item<double>();
}

Exit Loop::run(Outside& outside) {
  if (const auto stop = train(outside)) return *stop;
  if (options_.changes_course && saved_at_ < 0) save(outside);
  event(bridge::Event::end);
  return close(outside).value_or(Exit::ok);
}

std::optional<Exit> Loop::train(Outside& outside) {
  const Position& at = course_.at();
  if (at.iter > 0 && !course_.ended() && options_.evaluate.due(at)) evaluate(outside);
  bool in_epoch = false, save_pending = false;
  mark_ = Clock::now();
  while (!course_.ended()) {
    if (!std::exchange(in_epoch, true)) enter_epoch();
    if (const auto stop = train_on_batch(outside)) return stop;
    if (log_is_due()) log(outside);
    if (course_.epoch_ended()) {
      course_.count_epoch();
      in_epoch = false;
    }
    outside.progress(at, course_.max_iters());

    // Saves and stops happen only where an optimizer step ends.
    save_pending = save_pending || options_.save.due(at);
    const auto stop = stop_agreed(outside);
    const bool saves = course_.step_ended() && (save_pending || stop || (course_.ended() && options_.save_last));
    if (saves) save(outside);
    save_pending = save_pending && !saves;
    if (course_.step_ended() && stop) {
      finish_asking();
      return stop;
    }
    const bool evaluates = !course_.ended() && options_.evaluate.due(at);
    if (evaluates) evaluate(outside);
    if (saves || evaluates) mark_ = Clock::now();  // their time is no part of an iteration's
  }
  judge();
  return std::nullopt;
}

void Loop::save_done(Outside& outside) {
  if (course_.at().iter > 0 && course_.step_ended()) save(outside);
}

std::optional<Exit> Loop::close(Outside& outside) {
  finish_asking();  // whoever was asked is asked again
  for (const auto& work : outside.closing(course_.step())) {
    if (const auto stop = stop_requested(outside)) {
      save(outside);
      return stop;
    }
    enter(distributed::Phase::evaluate);
    work();
  }
  return std::nullopt;
}

void Loop::enter(distributed::Phase phase) const {
  if (parts_.progress) parts_.progress->enter(phase, course_.at().iter);
}

void Loop::evaluate(Outside& outside) {
  enter(distributed::Phase::evaluate);
  judge();
  outside.evaluate(course_.step());
}

void Loop::enter_epoch() {
  if (course_.at().iter_in_epoch == 0 && !course_.at().epoch_told) {
    event(bridge::Event::epoch_begin);
    course_.tell_epoch();
  }
  parts_.loader.start(static_cast<uint64_t>(course_.at().epoch), course_.at().iter_in_epoch,
                      !parts_.task.wants(bridge::Event::epoch_begin));
}

// False: the wait was given up.
bool Loop::fetch(const std::function<bool()>& given_up) {
  bool gave_up = false;
  if (parts_.loader.next(batch_, [&] { return gave_up = given_up(); })) return true;
  if (!gave_up) throw Error(Exit::failed, "an epoch had fewer batches than the loader promised");
  return false;
}

// A stop that is asked for while the next batch does not come is obeyed at once between optimizer steps, where a save
// keeps all that has been done.
std::optional<Exit> Loop::fetch_or_stop(Outside& outside) {
  enter(distributed::Phase::data);
  const Position& at = course_.at();
  std::optional<Exit> stop;
  const auto asked = [&] {
    return parts_.group.world() == 1 && course_.step_ended() && (stop = outside.stop_requested()).has_value();
  };
  if (fetch(asked)) return std::nullopt;
  if (at.iter == 0) throw Error(*stop, "stopped before the first iteration");
  save(outside);
  return stop;
}

std::optional<Exit> Loop::train_on_batch(Outside& outside) {
  const auto asked = Clock::now();
  if (const auto stop = fetch_or_stop(outside)) return stop;
  const double data_seconds = seconds_between(asked, Clock::now());

  const Position before = course_.at();
  set_rates();
  const Outcome outcome = parts_.step.run(course_.step(), batch_);
  course_.count_batch();
  if (course_.step_ended()) event(bridge::Event::updated);

  const auto now = Clock::now();
  parts_.telemetry.add(before, outcome, seconds_between(std::exchange(mark_, now), now), data_seconds);
  if (course_.epoch_ended()) event(bridge::Event::epoch_end);
  if (!parts_.telemetry.due()) return std::nullopt;
  enter(distributed::Phase::log);
  parts_.telemetry.read(last_good_);
  return std::nullopt;
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
  enter(phase_of(event));
  const bridge::Step step = course_.step();
  const std::vector<bridge::NamedTensor> metrics = parts_.task.on_event(step, event);
  // A run that goes on has had its beginning in the log.
  if (event == bridge::Event::ready && step.origin == bridge::Origin::resumed) return;
  parts_.telemetry.add(course_.at(), metrics);
}

// The same while training goes on, where no rank is to wait for the others: what had been asked of any of them when the
// iteration before ended. In one process at once.
std::optional<Exit> Loop::stop_agreed(Outside& outside) {
  if (parts_.group.world() == 1) return stop_requested(outside);
  const auto here = outside.stop_requested();
  const auto before = std::exchange(stop_asked_, parts_.group.highest_later(here ? static_cast<double>(*here) : 0));
  const int code = before ? static_cast<int>(before()) : 0;
  return code > 0 ? std::optional(static_cast<Exit>(code)) : std::nullopt;
}

// Waits for what has been asked of the ranks last, so that no operation with them is under way.
void Loop::finish_asking() {
  if (stop_asked_) std::exchange(stop_asked_, nullptr)();
}

// The code of a stop that was asked of any rank.
std::optional<Exit> Loop::stop_requested(Outside& outside) const {
  const auto here = outside.stop_requested();
  const auto code = static_cast<int>(parts_.group.highest(here ? static_cast<double>(*here) : 0));
  return code > 0 ? std::optional(static_cast<Exit>(code)) : std::nullopt;
}

// Asked before a whole epoch is counted: its last iteration belongs to it.
bool Loop::log_is_due() const {
  const bool by_epoch = course_.length().by_epoch;
  const int64_t count = by_epoch ? course_.at().iter_in_epoch : course_.at().iter;
  const bool short_epoch = by_epoch && course_.epoch_iters() <= options_.log_interval && course_.epoch_ended();
  return count % options_.log_interval == 0 || short_epoch || course_.ended();
}

// What has diverged is never shown, evaluated or saved. An update of finite gradients may leave parameters that are
// not; they stay so, and are looked for here and not in every step, which would read them once more.
void Loop::judge() const {
  parts_.telemetry.read(last_good_);
  const std::string spoiled = parts_.step.spoiled();
  if (spoiled.empty()) return;
  const Position& at = course_.at();
  throw Error(Exit::diverged,
              fmt::format("training diverged by iteration {} (update {}): parameter \"{}\" is no longer finite after "
                          "an update whose loss and gradients were. {}",
                          at.iter, at.update, spoiled, after_divergence(last_good_)));
}

void Loop::log(Outside& outside) {
  enter(distributed::Phase::log);
  judge();
  const Position& at = course_.at();
  report::TrainPoint point;
  point.by_epoch = course_.length().by_epoch;
  point.epoch = at.epoch + 1;
  point.max_epochs = course_.length().max_epochs;
  point.epoch_iter = at.iter_in_epoch;
  point.epoch_iters = course_.epoch_iters();
  point.iter = at.iter;
  point.max_iters = course_.max_iters();
  point.rates = {{"lr", parts_.optimizer.groups().at(0).lr}};
  point.bad_files = static_cast<int64_t>(parts_.loader.bad().files.size());
  parts_.telemetry.tell(point);
  outside.log(std::move(point));
}

// What has been done, unless it is saved; where an optimizer step has ended.
void Loop::save(Outside& outside) {
  const Position& at = course_.at();
  if (saved_at_ == at.iter) return;
  enter(distributed::Phase::save);
  judge();
  const bool whole_epoch = course_.length().by_epoch && at.iter_in_epoch == 0;
  last_good_ = outside.save(whole_epoch ? fmt::format("epoch_{}", at.epoch) : fmt::format("iter_{}", at.iter), at);
  saved_at_ = at.iter;
}

}  // namespace selfsup::train
