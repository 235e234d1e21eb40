// Moves the parameters: AdamW, Adam and SGD on LibTorch's fused kernels. Knows no schedule and no loop.
#pragma once
#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "model/store.h"
#include "train/optimizers/param_groups.h"

namespace selfsup::train {

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

class Optimizer {
 public:
  struct Group {
    // As configured; schedules start from these.
    double base_lr, base_momentum, base_weight_decay;
    // In force for the next step. momentum is beta1 for Adam and AdamW.
    double lr, momentum, weight_decay;
    Json extras;  // what custom keys set
    std::vector<std::string> names;
    std::vector<at::Tensor> params;
  };

  explicit Optimizer(std::vector<Group> groups) : groups_(std::move(groups)) {}
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  std::vector<Group>& groups() { return groups_; }
  const std::vector<Group>& groups() const { return groups_; }

  // One update of every parameter that has a gradient; the others keep value and state, as in torch.optim.
  // found_inf: f32 scalar on the parameters' device; 1 turns the step into nothing, without a host sync.
  void step(const std::optional<at::Tensor>& found_inf = std::nullopt);
  // Sets all gradients to none; nothing is zeroed.
  void clear_gradients();
  // Gradients of all groups, in order, without those that are not there.
  std::vector<at::Tensor> gradients() const;

  // State as "<parameter>/<field>", tensors shared with the optimizer; a parameter never updated may have none.
  virtual NamedTensors state() const = 0;
  // Takes the values of state(). A name or shape that does not fit is Error(checkpoint); nothing is changed then.
  virtual void load_state(const NamedTensors& state) = 0;

 protected:
  virtual void update(size_t group, const std::vector<size_t>& members, const std::optional<at::Tensor>& found_inf) = 0;

  std::vector<Group> groups_;
};

// `optim_wrapper.optimizer` and the groups made for it. Error(usage) for a type or an option that there is not.
// The parameters are on their device already.
std::unique_ptr<Optimizer> make_optimizer(const Json& config, const std::vector<ParamGroup>& groups);

// The defaults that parameters groups start from: lr (required) and weight_decay (torch's default per type if absent).
double configured_lr(const Json& optimizer);
double configured_weight_decay(const Json& optimizer);

}  // namespace selfsup::train
