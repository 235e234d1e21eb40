// What is trained, as training needs it: a step with losses, events, and state beyond the declared tensors. Knows the
// bridge's types only; the one real task forwards to the algorithm of a plugin.
#pragma once
#include <string>
#include <vector>

#include "bridge/components/algorithm.h"

namespace selfsup::train {

class Task {
 public:
  using State = bridge::Algorithm::State;

  virtual ~Task() = default;
  virtual std::string name() const { return "the algorithm"; }  // for messages
  virtual std::vector<bridge::NamedTensor> training_step(const bridge::Step& step, const bridge::StepBatch& batch) = 0;
  virtual void step_is_through() {}  // with backward and update
  // Returns metrics for the log. At Event::gradients, between backward and optimizer, the gradients are in place,
  // reduced over the ranks and unscaled, not yet clipped; for a task that wants it. Of one that wants
  // Event::epoch_begin, nothing of an epoch is read before.
  virtual std::vector<bridge::NamedTensor> on_event(const bridge::Step&, bridge::Event) { return {}; }
  virtual bool wants(bridge::Event) const { return false; }
  virtual std::vector<State> save_state() { return {}; }
  virtual void load_state(const std::vector<State>&) {}
};

class AlgorithmTask final : public Task {
 public:
  explicit AlgorithmTask(bridge::Algorithm& algorithm) : algorithm_(algorithm) {}
  std::string name() const override { return algorithm_.label(); }
  std::vector<bridge::NamedTensor> training_step(const bridge::Step& step, const bridge::StepBatch& batch) override {
    return algorithm_.training_step(step, batch);
  }
  void step_is_through() override { algorithm_.step_is_through(); }
  std::vector<bridge::NamedTensor> on_event(const bridge::Step& step, bridge::Event event) override {
    return algorithm_.on_event(step, event);
  }
  bool wants(bridge::Event event) const override { return algorithm_.wants(event); }
  std::vector<State> save_state() override { return algorithm_.save_state(); }
  void load_state(const std::vector<State>& states) override { algorithm_.load_state(states); }

 private:
  bridge::Algorithm& algorithm_;
};

}  // namespace selfsup::train
