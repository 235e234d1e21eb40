// SGD with momentum on LibTorch's fused kernel, with its state. Knows only the optimizer interface.
#pragma once
#include "train/optimizers/optimizer.h"

namespace selfsup::train {

class Sgd final : public Optimizer {
 public:
  Sgd(std::vector<Group> groups, double dampening, bool nesterov);
  NamedTensors state() const override;
  void load_state(const NamedTensors& state) override;

 private:
  void update(size_t group, const std::vector<size_t>& members, const std::optional<at::Tensor>& found_inf) override;

  double dampening_;
  bool nesterov_;
  std::vector<std::vector<at::Tensor>> buffers_;  // per group and parameter; undefined before its first step
};

}  // namespace selfsup::train
