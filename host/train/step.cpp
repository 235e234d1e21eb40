#include "train/step.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <iterator>

#include "base/errors.h"

namespace selfsup::train {
namespace {

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

void call_autograd(const at::Tensor& root, const Task& task) {
  try {
    root.backward();
  } catch (const c10::OutOfMemoryError&) {
    throw;
  } catch (const c10::Error& e) {
    const std::string why = e.what_without_backtrace();
    const bool in_place = why.find("inplace operation") != why.npos;
    throw Error(Exit::failed, fmt::format("{}: backward failed: {}{}", task.name(), why,
                                          in_place ? "\nThe step changes in place a tensor that the loss was computed "
                                                     "from; clone it before the change"
                                                   : ""));
  }
}

}  // namespace

OptimizerStep::OptimizerStep(const StepParts& parts, const AmpSettings& amp, const ClipSettings& clip)
    : parts_(parts), amp_(amp), clip_(clip) {}

Outcome OptimizerStep::forward(const bridge::Step& at, const data::Batch& batch) {
  const bridge::StepBatch prepared = parts_.preprocess.prepare(batch);
  Outcome outcome;
  {
    const AutocastScope autocast(parts_.device.type(), amp_.dtype);
    outcome.terms = parts_.task.training_step(at, prepared);
  }
  outcome.total = total_loss(outcome.terms);
  if (!outcome.total.defined() || !outcome.total.requires_grad())
    throw Error(Exit::failed, fmt::format("{}: its loss depends on no trained parameter: there is nothing to learn",
                                          parts_.task.name()));
  return outcome;
}

Outcome OptimizerStep::run(const bridge::Step& at, const data::Batch& batch) {
  Outcome outcome = forward(at, batch);
  backward(at, outcome.total);
  outcome.total = outcome.total.detach();
  if (at.micro + 1 == at.micros) update(at, outcome);
  return outcome;
}

void OptimizerStep::backward(const bridge::Step& at, const at::Tensor& total) {
  const at::Tensor root = at.micros > 1 ? total / static_cast<double>(at.micros) : total;
  call_autograd(parts_.scaler.enabled() ? parts_.scaler.scale(root) : root, parts_.task);
  if (parts_.scaler.enabled()) return;  // it finds what is not finite in the gradients

  at::NoGradGuard no_grad;
  const at::Tensor nothing = total.detach() * 0;  // NaN when the loss is not finite
  poison_ = at.micro == 0 ? nothing : poison_ + nothing;
}

void OptimizerStep::update(const bridge::Step& at, Outcome& outcome) {
  at::NoGradGuard no_grad;
  const std::vector<at::Tensor> gradients = parts_.optimizer.gradients();
  for (const at::Tensor& gradient : gradients) parts_.group.all_reduce(gradient, distributed::Reduce::mean);
  std::optional<at::Tensor> found_inf;
  if (parts_.scaler.enabled()) found_inf = parts_.scaler.unscale(gradients);
  if (parts_.task.wants_gradients())
    std::ranges::move(parts_.task.on_event(at, bridge::Event::gradients), std::back_inserter(outcome.terms));
  if (judges_norm() || logs_norm()) outcome.norm = gradient_norm(gradients, logs_norm() ? clip_.norm_type : 2);
  if (!parts_.scaler.enabled()) found_inf = mask(*outcome.norm);
  clip_gradients(gradients, outcome.norm, clip_);
  parts_.optimizer.step(found_inf);
  if (parts_.scaler.enabled()) parts_.scaler.update();
  parts_.optimizer.clear_gradients();
}

// An update from what is not finite is masked on the device, on all ranks alike; the host learns of it when it next
// reads.
at::Tensor OptimizerStep::mask(const at::Tensor& norm) const {
  parts_.group.all_reduce(poison_, distributed::Reduce::sum);
  const at::Tensor judged = norm + poison_;
  return (judged - judged).ne(0).to(at::kFloat);
}

}  // namespace selfsup::train
