#include "train/step.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <iterator>

#include "base/errors.h"
#include "distributed/rank_text.h"
#include "train/finite.h"

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

// An update's part of a batch: the last one's.
bool ends_step(const bridge::Step& at) { return at.micro + 1 == at.micros; }

Error lost_others(const std::string& why) {
  return {Exit::peer,
          fmt::format("the gradients could not be reduced with the other ranks: {}", distributed::first_line(why))};
}

}  // namespace

OptimizerStep::OptimizerStep(const StepParts& parts, const AmpSettings& amp, const ClipSettings& clip)
    : parts_(parts), amp_(amp), clip_(clip) {}

Outcome OptimizerStep::forward(const bridge::Step& at, const data::Batch& batch) {
  enter(distributed::Phase::forward, at);
  const bridge::StepBatch prepared = parts_.preprocess.prepare(batch);
  Outcome outcome;
  {
    const AutocastScope autocast(parts_.device.type(), amp_.dtype);
    outcome.terms = parts_.task.training_step(at, prepared);
  }
  outcome.total = total_loss(outcome.terms);
  if (!outcome.total.defined() || !outcome.total.requires_grad())
    throw Error(Exit::plugin, fmt::format("{}: its loss depends on no trained parameter: there is nothing to learn",
                                          parts_.task.name()));
  return outcome;
}

Outcome OptimizerStep::run(const bridge::Step& at, const data::Batch& batch) {
  const bool reduces = ends_step(at);
  if (reduces) parts_.reducer.before_forward();
  Outcome outcome = forward(at, batch);
  if (reduces) parts_.reducer.before_backward(outcome.total);
  backward(at, outcome.total);
  outcome.total = outcome.total.detach();
  if (!reduces) return outcome;
  update(at, outcome);
  parts_.task.step_is_through();
  return outcome;
}

void OptimizerStep::backward(const bridge::Step& at, const at::Tensor& total) {
  enter(distributed::Phase::backward, at);
  const at::Tensor root = at.micros > 1 ? total / static_cast<double>(at.micros) : total;
  call_autograd(parts_.scaler.enabled() ? parts_.scaler.scale(root) : root);
  if (parts_.scaler.enabled()) return;  // it finds what is not finite in the gradients

  at::NoGradGuard no_grad;
  const at::Tensor nothing = total.detach() * 0;  // NaN when the loss is not finite
  poison_ = at.micro == 0 ? nothing : poison_ + nothing;
}

// The reducer's collectives run in it: what fails there is the others' affair, unless it is LibTorch's own complaint.
void OptimizerStep::call_autograd(const at::Tensor& root) const {
  try {
    root.backward();
  } catch (const c10::OutOfMemoryError&) {
    throw;
  } catch (const c10::DistError& e) {
    throw lost_others(e.what_without_backtrace());
  } catch (const c10::Error& e) {
    const std::string why = e.what_without_backtrace();
    const bool in_place = why.find("inplace operation") != why.npos;
    throw Error(Exit::plugin, fmt::format("{}: backward failed: {}{}", parts_.task.name(), why,
                                          in_place ? "\nThe step changes in place a tensor that the loss was computed "
                                                     "from; clone it before the change"
                                                   : ""));
  } catch (const Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& e) {
    if (parts_.group.world() == 1) throw;
    throw lost_others(e.what());
  }
}

void OptimizerStep::update(const bridge::Step& at, Outcome& outcome) {
  at::NoGradGuard no_grad;
  const std::vector<at::Tensor> gradients = parts_.optimizer.gradients();
  parts_.reducer.after_backward(gradients);
  std::optional<at::Tensor> found_inf;
  if (parts_.scaler.enabled()) found_inf = parts_.scaler.unscale(gradients);
  if (parts_.task.wants(bridge::Event::gradients)) {
    enter(distributed::Phase::gradients, at);
    std::ranges::move(parts_.task.on_event(at, bridge::Event::gradients), std::back_inserter(outcome.terms));
  }
  enter(distributed::Phase::update, at);
  if (judges_norm() || logs_norm()) outcome.norm = gradient_norm(gradients, logs_norm() ? clip_.norm_type : 2);
  if (!parts_.scaler.enabled()) found_inf = mask(*outcome.norm);
  clip_gradients(gradients, outcome.norm, clip_);
  parts_.optimizer.step(found_inf);
  if (parts_.scaler.enabled()) parts_.scaler.update();
  parts_.optimizer.clear_gradients();
  parts_.reducer.after_update();
}

std::string OptimizerStep::spoiled() const {
  std::vector<at::Tensor> all;  // one wait for them all
  std::vector<const std::string*> names;
  for (const Optimizer::Group& group : parts_.optimizer.groups()) {
    all.insert(all.end(), group.params.begin(), group.params.end());
    for (const std::string& name : group.names) names.push_back(&name);
  }
  const auto found = first_not_finite(all);
  return found ? *names[*found] : "";
}

void OptimizerStep::enter(distributed::Phase phase, const bridge::Step& at) const {
  if (parts_.progress) parts_.progress->enter(phase, static_cast<int64_t>(at.iter));
}

// An update from what is not finite is masked on the device, on all ranks alike; the host learns of it when it next
// reads.
at::Tensor OptimizerStep::mask(const at::Tensor& norm) const {
  parts_.group.all_reduce(poison_, distributed::Reduce::sum);
  const at::Tensor judged = norm + poison_;
  return (judged - judged).ne(0).to(at::kFloat);
}

}  // namespace selfsup::train
