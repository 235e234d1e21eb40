#include "train/loop.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace selfsup::train {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

// The sum of the losses, as the graph's root.
at::Tensor total_loss(const std::vector<bridge::NamedTensor>& terms) {
  at::Tensor total;
  for (const bridge::NamedTensor& term : terms) {
    if (!term.is_loss()) continue;
    const at::Tensor value = term.value.reshape({}).to(at::kFloat);
    total = total.defined() ? total + value : value;
  }
  return total;
}

}  // namespace

int64_t LoopOptions::batches_left(const Position& at, int64_t epoch_iters) const {
  const int64_t left =
      by_epoch ? (max_epochs - at.epoch) * epoch_iters - std::min(at.iter_in_epoch, epoch_iters) : max_iters - at.iter;
  return std::max<int64_t>(0, left);
}

Loop::Loop(const LoopParts& parts, const LoopOptions& options, at::Device device)
    : parts_(parts),
      options_(options),
      device_(device),
      epoch_iters_(parts.loader.batches_per_epoch()),
      telemetry_(/*judge_norm=*/!parts.scaler, /*log_norm=*/options.clip.kind == ClipSettings::Kind::norm) {}

void Loop::begin(const Position& start) {
  at_ = start;
  if (at_.iter_in_epoch >= epoch_iters_) {  // the batches have become larger since: that epoch has been seen
    at_.epoch += 1;
    at_.iter_in_epoch = 0;
  }
  max_iters_ = at_.iter + options_.batches_left(at_, epoch_iters_);
  group_begin_ = at_.iter;  // a checkpoint is taken only where an optimizer step ends
  event(bridge::Event::ready);
  parts_.outside.begin();
}

double Loop::first_loss() {
  begin({});
  event(bridge::Event::epoch_begin);
  parts_.loader.start(0);
  data::Batch batch;
  fetch(batch);
  std::vector<bridge::NamedTensor> terms;
  return forward(batch, terms).item<double>();
}

Exit Loop::run(const Position& start, const std::string& last_good) {
  last_good_ = last_good;
  saved_at_ = last_good.empty() ? -1 : start.iter;
  begin(start);
  bool save_pending = false;
  if (at_.iter > 0 && at_.iter < max_iters_ && options_.evaluate.due(at_)) parts_.outside.evaluate(at_);
  auto mark = Clock::now();
  while (at_.iter < max_iters_) {
    if (at_.iter_in_epoch == 0) event(bridge::Event::epoch_begin);
    parts_.loader.start(static_cast<uint64_t>(at_.epoch), at_.iter_in_epoch);
    data::Batch batch;
    bool in_epoch = true;
    while (in_epoch && at_.iter < max_iters_) {
      const auto asked = Clock::now();
      fetch(batch);
      const double data_seconds = seconds_between(asked, Clock::now());

      const Micro micro = this->micro();
      set_rates();
      std::vector<bridge::NamedTensor> terms;
      at::Tensor total = forward(batch, terms);
      backward(total, micro);
      total = total.detach();
      const bool updated = micro.index + 1 == micro.count;
      std::optional<at::Tensor> norm;
      if (updated) norm = update();

      const Position before = at_;
      at_.iter += 1;
      at_.iter_in_epoch += 1;
      if (updated) {
        at_.update += 1;
        group_begin_ = at_.iter;
        event(bridge::Event::updated);
      }
      const auto now = Clock::now();
      telemetry_.add(before, terms, total, norm, seconds_between(mark, now), data_seconds);
      mark = now;
      if (telemetry_.due()) telemetry_.read(last_good_);
      log_if_due(at_.iter_in_epoch);
      if (at_.iter_in_epoch == epoch_iters_) {
        event(bridge::Event::epoch_end);
        at_.epoch += 1;
        at_.iter_in_epoch = 0;
        in_epoch = false;
      }
      parts_.outside.progress(at_, max_iters_);

      // Saves and stops happen only where an optimizer step ends.
      save_pending = save_pending || options_.save.due(at_);
      const bool last = at_.iter == max_iters_;
      const auto stop = parts_.outside.stop_requested();
      const bool saves = updated && (save_pending || stop || (last && options_.save_last));
      if (saves) save();
      save_pending = save_pending && !saves;
      if (updated && stop) return *stop;
      const bool evaluates = !last && options_.evaluate.due(at_);
      if (evaluates) parts_.outside.evaluate(at_);
      if (saves || evaluates) mark = Clock::now();  // their time is no part of an iteration's
    }
  }
  telemetry_.read(last_good_);
  event(bridge::Event::end);
  return Exit::ok;
}

void Loop::fetch(data::Batch& batch) {
  if (!parts_.loader.next(batch)) throw Error(Exit::failed, "an epoch had fewer batches than the loader promised");
}

at::Tensor Loop::forward(const data::Batch& batch, std::vector<bridge::NamedTensor>& terms) {
  const bridge::StepBatch prepared = parts_.preprocess.prepare(batch);
  {
    const AutocastScope autocast(device_.type(), options_.amp.dtype);
    terms = parts_.task.training_step(step(), prepared);
  }
  at::Tensor total = total_loss(terms);
  if (!total.defined() || !total.requires_grad())
    throw Error(Exit::failed, fmt::format("{}: its loss depends on no trained parameter: there is nothing to learn",
                                          parts_.task.name()));
  return total;
}

void Loop::backward(const at::Tensor& total, const Micro& micro) {
  at::Tensor root = micro.count > 1 ? total / static_cast<double>(micro.count) : total;
  if (parts_.scaler) root = parts_.scaler->scale(root);
  call_autograd(root);
  if (parts_.scaler) return;  // which finds what is not finite in the gradients

  at::NoGradGuard no_grad;
  const at::Tensor nothing = total.detach() * 0;  // NaN when the loss is not finite
  poison_ = micro.index == 0 ? nothing : poison_ + nothing;
}

void Loop::call_autograd(const at::Tensor& root) const {
  try {
    root.backward();
  } catch (const c10::OutOfMemoryError&) {
    throw;
  } catch (const c10::Error& e) {
    const std::string why = e.what_without_backtrace();
    const bool in_place = why.find("inplace operation") != why.npos;
    throw Error(Exit::failed, fmt::format("{}: backward failed: {}{}", parts_.task.name(), why,
                                          in_place ? "\nThe step changes in place a tensor that the loss was computed "
                                                     "from; clone it before the change"
                                                   : ""));
  }
}

std::optional<at::Tensor> Loop::update() {
  at::NoGradGuard no_grad;
  const std::vector<at::Tensor> gradients = parts_.optimizer.gradients();
  const bool by_norm = options_.clip.kind == ClipSettings::Kind::norm;
  std::optional<at::Tensor> found_inf, norm;
  if (parts_.scaler) found_inf = parts_.scaler->unscale(gradients);
  if (by_norm || !parts_.scaler) norm = gradient_norm(gradients, by_norm ? options_.clip.norm_type : 2);
  if (!parts_.scaler) {
    // An update from what is not finite is masked on the device; the host learns of it when it next reads.
    const at::Tensor judged = *norm + poison_;
    found_inf = (judged - judged).ne(0).to(at::kFloat);
  }
  clip_gradients(gradients, norm, options_.clip);
  parts_.optimizer.step(found_inf);
  if (parts_.scaler) parts_.scaler->update();
  parts_.optimizer.clear_gradients();
  return norm;
}

void Loop::set_rates() {
  // By the epochs done, which say where the run stands also when an epoch has another length than it had.
  const int64_t iter = options_.by_epoch ? at_.epoch * epoch_iters_ + at_.iter_in_epoch : at_.iter;
  for (Optimizer::Group& group : parts_.optimizer.groups()) {
    group.lr = parts_.schedules.value(Quantity::lr, group.base_lr, iter);
    group.momentum = parts_.schedules.value(Quantity::momentum, group.base_momentum, iter);
    group.weight_decay = parts_.schedules.value(Quantity::weight_decay, group.base_weight_decay, iter);
  }
}

Loop::Micro Loop::micro() const {
  // The last group of a run may be partial; it divides by its own size.
  return {at_.iter - group_begin_, std::min(options_.accumulative_counts, max_iters_ - group_begin_)};
}

bridge::Step Loop::step() const {
  bridge::Step step;
  const Micro place = micro();
  const int64_t k = options_.accumulative_counts;
  step.mode = bridge::Mode::train;
  step.origin = options_.origin;
  step.micro = static_cast<uint32_t>(place.index);
  step.micros = static_cast<uint32_t>(std::max<int64_t>(1, place.count));
  step.iter = static_cast<uint64_t>(at_.iter);
  step.max_iters = static_cast<uint64_t>(max_iters_);
  step.update = static_cast<uint64_t>(at_.update);
  step.max_updates = static_cast<uint64_t>(at_.update + (max_iters_ - group_begin_ + k - 1) / k);
  step.epoch = static_cast<uint64_t>(at_.epoch);
  step.max_epochs = options_.by_epoch ? static_cast<uint64_t>(options_.max_epochs) : 0;
  step.epoch_iters = static_cast<uint64_t>(epoch_iters_);
  return step;
}

void Loop::event(bridge::Event event) {
  at::NoGradGuard no_grad;
  parts_.task.on_event(step(), event);
}

void Loop::log_if_due(int64_t iter_in_epoch) {
  const int64_t count = options_.by_epoch ? iter_in_epoch : at_.iter;
  const bool short_epoch = options_.by_epoch && epoch_iters_ <= options_.log_interval && iter_in_epoch == epoch_iters_;
  if (count % options_.log_interval != 0 && !short_epoch && at_.iter != max_iters_) return;
  telemetry_.read(last_good_);
  report::TrainPoint point;
  point.by_epoch = options_.by_epoch;
  point.epoch = at_.epoch + 1;
  point.max_epochs = options_.max_epochs;
  point.epoch_iter = iter_in_epoch;
  point.epoch_iters = epoch_iters_;
  point.iter = at_.iter;
  point.max_iters = max_iters_;
  point.rates = {{"lr", parts_.optimizer.groups().at(0).lr}};
  point.time = telemetry_.mean_seconds();
  point.data_time = telemetry_.mean_data_seconds();
  point.eta_seconds = telemetry_.eta().seconds(max_iters_ - at_.iter);
  point.memory_mib = parts_.outside.memory_mib();
  point.scalars = telemetry_.scalars();
  parts_.group.average(point.scalars);
  parts_.outside.log(point);
}

void Loop::save() {
  if (saved_at_ == at_.iter) return;
  telemetry_.read(last_good_);  // never save what has diverged
  const bool whole_epoch = options_.by_epoch && at_.iter_in_epoch == 0;
  last_good_ =
      parts_.outside.save(whole_epoch ? fmt::format("epoch_{}", at_.epoch) : fmt::format("iter_{}", at_.iter), at_);
  saved_at_ = at_.iter;
}

}  // namespace selfsup::train
