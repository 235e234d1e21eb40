// What the loop trains, as the loop needs it: a step with losses, events, and state beyond the declared tensors. Knows
// the bridge's types only; the one real task forwards to the algorithm of a plugin.
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
  virtual void on_event(const bridge::Step&, bridge::Event) {}
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
  void on_event(const bridge::Step& step, bridge::Event event) override { algorithm_.on_event(step, event); }
  std::vector<State> save_state() override { return algorithm_.save_state(); }
  void load_state(const std::vector<State>& states) override { algorithm_.load_state(states); }

 private:
  bridge::Algorithm& algorithm_;
};

}  // namespace selfsup::train
