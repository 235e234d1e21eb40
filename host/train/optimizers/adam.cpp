// Adam and AdamW on LibTorch's fused kernels, with their state.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include "base/errors.h"
#include "config/schema.h"
#include "train/optimizers/optimizer.h"
#include "train/optimizers/optimizer_state.h"

namespace selfsup::train {
namespace {

class Adam final : public Optimizer {
 public:
  // decoupled: AdamW's decay; else Adam's, which adds weight_decay * w to the gradient.
  Adam(std::vector<Group> groups, bool decoupled, double beta2, double eps);
  StateDict state() const override;
  std::function<void()> load_state(const StateDict& saved) override;

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

Adam::Adam(std::vector<Group> groups, bool decoupled, double beta2, double eps)
    : Optimizer(std::move(groups)), decoupled_(decoupled), beta2_(beta2), eps_(eps) {
  for (const Group& group : groups_) {
    State state;
    const auto count = static_cast<int64_t>(group.params.size());
    state.steps = at::zeros({count}, group.params.at(0).options().dtype(at::kFloat));
    state.step = state.steps.unbind();
    for (const at::Tensor& param : group.params) {
      state.exp_avg.push_back(at::zeros_like(param, at::MemoryFormat::Preserve));
      state.exp_avg_sq.push_back(at::zeros_like(param, at::MemoryFormat::Preserve));
    }
    state_.push_back(std::move(state));
  }
}

void Adam::update(size_t index, const std::vector<size_t>& members, const std::optional<at::Tensor>& found_inf) {
  const Group& group = groups_[index];
  State& state = state_[index];
  const bool all = members.size() == group.params.size();
  std::vector<at::Tensor> grads = gather_gradients(group.params, members);
  const auto run = [&](at::TensorList params, at::TensorList avg, at::TensorList avg_sq, at::TensorList steps) {
    const auto kernel = decoupled_ ? &at::_ops::_fused_adamw_::call : &at::_ops::_fused_adam_::call;
    kernel(params, grads, avg, avg_sq, {}, steps, group.lr, group.momentum, beta2_, group.weight_decay, eps_,
           /*amsgrad=*/false, /*maximize=*/false, /*grad_scale=*/{}, found_inf);
  };
  // The kernel wants the steps counted before the call and leaves taking back a masked one to the caller.
  if (all) {
    state.steps.add_(1);
    run(group.params, state.exp_avg, state.exp_avg_sq, state.step);
    if (found_inf) state.steps.sub_(*found_inf);
    return;
  }
  const auto steps = pick(state.step, members);
  for (const at::Tensor& step : steps) step.add_(1);
  run(pick(group.params, members), pick(state.exp_avg, members), pick(state.exp_avg_sq, members), steps);
  if (found_inf)
    for (const at::Tensor& step : steps) step.sub_(*found_inf);
}

StateDict Adam::state() const {
  StateDict out;
  for (size_t g = 0; g < groups_.size(); ++g) {
    for (size_t i = 0; i < groups_[g].params.size(); ++i) {
      const std::string& name = groups_[g].names[i];
      out.emplace_back(name + "/exp_avg", state_[g].exp_avg[i]);
      out.emplace_back(name + "/exp_avg_sq", state_[g].exp_avg_sq[i]);
      out.emplace_back(name + "/step", state_[g].step[i]);
    }
  }
  return out;
}

std::function<void()> Adam::load_state(const StateDict& saved) {
  judge_state(state(), saved, /*partial=*/false);
  return [own = state(), saved] { copy_values(own, saved); };
}

template <bool decoupled>
std::unique_ptr<Optimizer> make(const Json& config, std::vector<Optimizer::Group> groups) {
  const Json& betas = config.get("betas");
  const double beta1 = betas.as_array()[0].as_double(), beta2 = betas.as_array()[1].as_double();
  if (beta1 >= 1 || beta2 >= 1)
    throw Error(Exit::usage, fmt::format("{}: optim_wrapper.optimizer.betas: expected numbers below 1, found {}",
                                         describe(betas.source), to_text(betas)));
  for (Optimizer::Group& group : groups) group.set_momentum(beta1);
  return std::make_unique<Adam>(std::move(groups), decoupled, beta2, config.get("eps").as_double());
}

Json schema(double weight_decay) {
  Json schema = config::parse_schema(R"({
    "type": "object",
    "properties": {
      "type": {"type": "string"},
      "lr": {"type": "number", "minimum": 0, "description": "before schedules and factors"},
      "weight_decay": {"type": "number", "minimum": 0, "description": "before factors"},
      "betas": {"type": "array", "items": {"type": "number", "minimum": 0}, "minItems": 2, "maxItems": 2, "default": [0.9, 0.999], "description": "each below 1"},
      "eps": {"type": "number", "minimum": 0, "default": 1e-8, "description": "added to the denominator"}},
    "required": ["lr"]})",
                                     "Adam");
  schema.find("properties")->find("weight_decay")->set("default", weight_decay);
  return schema;
}

int two_moments(const Json&) { return 2; }

}  // namespace

OptimizerType adam() { return {{"Adam"}, schema(0.0), make<false>, two_moments}; }
OptimizerType adamw() { return {{"AdamW"}, schema(0.01), make<true>, two_moments}; }

}  // namespace selfsup::train
