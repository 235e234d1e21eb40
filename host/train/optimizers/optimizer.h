// What moves the parameters, and how one is made of its configuration. Knows no schedule and no loop.
#pragma once
#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/registry.h"
#include "model/store.h"
#include "train/optimizers/param_groups.h"
#include "train/state_dict.h"

namespace selfsup::train {

class Optimizer {
 public:
  struct Group {
    // As configured; schedules start from these.
    double base_lr = 0, base_momentum = 0, base_weight_decay = 0;
    // In force for the next step. momentum is beta1 for Adam and AdamW.
    double lr = 0, momentum = 0, weight_decay = 0;
    Json extras;  // what custom keys set
    std::vector<std::string> names;
    std::vector<at::Tensor> params;

    void set_momentum(double value) { base_momentum = momentum = value; }
  };

  explicit Optimizer(std::vector<Group> groups) : groups_(std::move(groups)) {}
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  std::vector<Group>& groups() { return groups_; }
  const std::vector<Group>& groups() const { return groups_; }

  // One update of every parameter that has a gradient; the others keep value and state, as in torch.optim. What the
  // gradients hold afterwards is the optimizer's business.
  // found_inf: f32 scalar on the parameters' device; 1 turns the step into nothing, without a host sync.
  void step(const std::optional<at::Tensor>& found_inf = std::nullopt);
  // Sets all gradients to none; nothing is zeroed.
  void clear_gradients();
  // Gradients of all groups, in order, without those that are not there.
  std::vector<at::Tensor> gradients() const;

  // State as "<parameter>/<field>", tensors shared with the optimizer; a parameter never updated may have none.
  virtual StateDict state() const = 0;
  // Judges what state() gave once: a name or shape that does not fit is Error(checkpoint). Changes nothing before what
  // it returns is called, which takes the values in, from the same tensors.
  virtual std::function<void()> load_state(const StateDict& saved) = 0;

 protected:
  virtual void update(size_t group, const std::vector<size_t>& members, const std::optional<at::Tensor>& found_inf) = 0;

  std::vector<Group> groups_;
};

// What a file of this folder defines, and types.cpp lists. config: `optim_wrapper.optimizer`, resolved, which means
// checked against the schema, defaults filled in.
struct OptimizerType {
  std::vector<std::string_view> names;
  Json schema;
  // The groups hold lr, weight decay and parameters; momentum is the maker's. Error(usage) for what no schema can say.
  std::unique_ptr<Optimizer> (*make)(const Json& config, std::vector<Optimizer::Group> groups);
  // How many tensors of a parameter's size the state of one has, at least.
  int (*copies)(const Json& config);
};
const Registry<OptimizerType>& optimizer_types();

// The parameters are on their device already.
std::unique_ptr<Optimizer> make_optimizer(const Json& config, const std::vector<ParamGroup>& groups);

}  // namespace selfsup::train
