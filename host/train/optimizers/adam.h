// Adam and AdamW on LibTorch's fused kernels, with their state. Knows only the optimizer interface.
#pragma once
#include "train/optimizers/optimizer.h"

namespace selfsup::train {

class Adam final : public Optimizer {
 public:
  // decoupled: AdamW's decay; else Adam's, which adds weight_decay * w to the gradient.
  Adam(std::vector<Group> groups, bool decoupled, double beta2, double eps);
  NamedTensors state() const override;
  void load_state(const NamedTensors& state) override;

 private:
  struct State {
    at::Tensor steps;              // f32 [n], one a parameter
    std::vector<at::Tensor> step;  // views of its elements, which the kernel reads
    std::vector<at::Tensor> exp_avg, exp_avg_sq;
  };
  void update(size_t group, const std::vector<size_t>& members, const std::optional<at::Tensor>& found_inf) override;

  bool decoupled_;
  double beta2_, eps_;
  std::vector<State> state_;  // per group
};

}  // namespace selfsup::train
