#include "train/optimizers/optimizer.h"

#include <ATen/core/grad_mode.h>

#include <utility>

namespace selfsup::train {

void Optimizer::step(const std::optional<at::Tensor>& found_inf) {
  at::NoGradGuard no_grad;
  std::vector<size_t> members;
  for (size_t g = 0; g < groups_.size(); ++g) {
    members.clear();
    for (size_t i = 0; i < groups_[g].params.size(); ++i)
      if (groups_[g].params[i].grad().defined()) members.push_back(i);
    if (!members.empty()) update(g, members, found_inf);
  }
}

void Optimizer::clear_gradients() {
  for (Group& group : groups_)
    for (at::Tensor& param : group.params) param.mutable_grad().reset();
}

std::vector<at::Tensor> Optimizer::gradients() const {
  std::vector<at::Tensor> out;
  for (const Group& group : groups_)
    for (const at::Tensor& param : group.params)
      if (param.grad().defined()) out.push_back(param.grad());
  return out;
}

std::unique_ptr<Optimizer> make_optimizer(const Json& config, const std::vector<ParamGroup>& param_groups) {
  std::vector<Optimizer::Group> groups;
  for (const ParamGroup& from : param_groups) {
    Optimizer::Group& group = groups.emplace_back();
    group.base_lr = group.lr = from.settings.lr;
    group.base_weight_decay = group.weight_decay = from.settings.weight_decay;
    group.extras = from.settings.extras;
    for (const model::Entry* entry : from.entries) {
      group.names.push_back(entry->name);
      group.params.push_back(entry->tensor);
    }
  }
  return optimizer_types().get(config.get("type").as_string()).make(config, std::move(groups));
}

}  // namespace selfsup::train
