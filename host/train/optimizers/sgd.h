// SGD with momentum, as an optimizer and as the last part of others, which prepare the gradients. Knows no schedule.
#pragma once
#include <vector>

#include "train/optimizers/optimizer.h"

namespace selfsup::train {

// Of every optimizer that has SGD's momentum.
inline constexpr char kSgdKeys[] = R"(
    "type": {"type": "string"},
    "lr": {"type": "number", "minimum": 0, "description": "before schedules and factors"},
    "weight_decay": {"type": "number", "minimum": 0, "default": 0.0, "description": "before factors"},
    "momentum": {"type": "number", "minimum": 0, "default": 0.0},
    "dampening": {"type": "number", "minimum": 0, "default": 0.0},
    "nesterov": {"type": "boolean", "default": false, "description": "needs momentum, and no dampening"})";

// OptimizerType::copies of these.
int momentum_copies(const Json& config);

// torch.optim.SGD's arithmetic on LibTorch's fused kernel.
class Sgd : public Optimizer {
 public:
  // config: with kSgdKeys, resolved. Error(usage): nesterov that cannot be.
  Sgd(const Json& config, std::vector<Group> groups);
  StateDict state() const override;
  std::function<void()> load_state(const StateDict& saved) override;

 protected:
  void update(size_t group, const std::vector<size_t>& members, const std::optional<at::Tensor>& found_inf) override;
  // One step of those members with this rate and decay, by the group's momentum.
  void descend(size_t group, const std::vector<size_t>& members, double lr, double weight_decay,
               const std::optional<at::Tensor>& found_inf);

 private:
  double dampening_;
  bool nesterov_;
  std::vector<std::vector<at::Tensor>> buffers_;  // per group and parameter; undefined before its first step
};

}  // namespace selfsup::train
