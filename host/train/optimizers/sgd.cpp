// SGD with momentum on LibTorch's fused kernel, with its state.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <string_view>
#include <unordered_set>

#include "base/errors.h"
#include "config/schema.h"
#include "train/optimizers/optimizer.h"
#include "train/optimizers/optimizer_state.h"

namespace selfsup::train {
namespace {

constexpr const char* buffer_name = "/momentum_buffer";

class Sgd final : public Optimizer {
 public:
  Sgd(std::vector<Group> groups, double dampening, bool nesterov);
  StateDict state() const override;
  std::function<void()> load_state(const StateDict& saved) override;

 private:
  void update(size_t group, const std::vector<size_t>& members, const std::optional<at::Tensor>& found_inf) override;

  double dampening_;
  bool nesterov_;
  std::vector<std::vector<at::Tensor>> buffers_;  // per group and parameter; undefined before its first step
};

Sgd::Sgd(std::vector<Group> groups, double dampening, bool nesterov)
    : Optimizer(std::move(groups)), dampening_(dampening), nesterov_(nesterov) {
  for (const Group& group : groups_) buffers_.emplace_back(group.params.size());
}

void Sgd::update(size_t index, const std::vector<size_t>& members, const std::optional<at::Tensor>& found_inf) {
  const Group& group = groups_[index];
  std::vector<at::Tensor>& buffers = buffers_[index];
  const auto run = [&](const std::vector<size_t>& some, bool first) {
    if (some.empty()) return;
    const std::vector<at::Tensor> used = group.momentum != 0 ? pick(buffers, some) : std::vector<at::Tensor>{};
    at::_fused_sgd_(pick(group.params, some), gather_gradients(group.params, some), used, group.weight_decay,
                    group.momentum, group.lr, dampening_, nesterov_, /*maximize=*/false, first, /*grad_scale=*/{},
                    found_inf);
  };
  if (group.momentum == 0) {
    run(members, false);
    return;
  }
  std::vector<size_t> begun, first;
  for (size_t i : members) (buffers[i].defined() ? begun : first).push_back(i);
  run(begun, false);
  if (first.empty()) return;
  for (size_t i : first) buffers[i] = at::zeros_like(group.params[i], at::MemoryFormat::Preserve);
  run(first, true);
  // From a zero buffer an ordinary step equals a first one, but for dampening: then a masked first step stays to be
  // made. This is the one place that waits for the device, and only until the first step has been taken.
  if (dampening_ != 0 && found_inf && found_inf->item<float>() != 0)
    for (size_t i : first) buffers[i].reset();
}

StateDict Sgd::state() const {
  StateDict out;
  for (size_t g = 0; g < groups_.size(); ++g)
    for (size_t i = 0; i < groups_[g].params.size(); ++i)
      if (buffers_[g][i].defined()) out.emplace_back(groups_[g].names[i] + buffer_name, buffers_[g][i]);
  return out;
}

std::function<void()> Sgd::load_state(const StateDict& saved) {
  // A saved state without a buffer means that the parameter has had no step yet.
  std::unordered_set<std::string_view> stepped;
  for (const auto& [name, tensor] : saved) stepped.insert(name);
  std::vector<std::vector<at::Tensor>> fresh;
  StateDict own;
  for (const Group& group : groups_) {
    std::vector<at::Tensor>& buffers = fresh.emplace_back(group.params.size());
    for (size_t i = 0; i < buffers.size(); ++i) {
      const std::string name = group.names[i] + buffer_name;
      own.emplace_back(name, at::zeros_like(group.params[i], at::MemoryFormat::Preserve));
      if (stepped.contains(name)) buffers[i] = own.back().second;
    }
  }
  judge_state(own, saved, /*partial=*/true);
  return [this, own, saved, fresh] {
    copy_values(own, saved);
    buffers_ = fresh;
  };
}

}  // namespace

OptimizerType sgd() {
  return {{"SGD"},
          config::parse_schema(R"({
            "type": "object",
            "properties": {
              "type": {"type": "string"},
              "lr": {"type": "number", "minimum": 0, "description": "before schedules and factors"},
              "weight_decay": {"type": "number", "minimum": 0, "default": 0.0, "description": "before factors"},
              "momentum": {"type": "number", "minimum": 0, "default": 0.0},
              "dampening": {"type": "number", "minimum": 0, "default": 0.0},
              "nesterov": {"type": "boolean", "default": false, "description": "needs momentum, and no dampening"}},
            "required": ["lr"]})",
                               "SGD"),
          [](const Json& config, std::vector<Optimizer::Group> groups) -> std::unique_ptr<Optimizer> {
            const double momentum = config.get("momentum").as_double(), dampening = config.get("dampening").as_double();
            const bool nesterov = config.get("nesterov").as_bool();
            if (nesterov && (momentum <= 0 || dampening != 0))
              throw Error(Exit::usage, fmt::format("{}: optim_wrapper.optimizer.nesterov: needs momentum above 0 and "
                                                   "no dampening",
                                                   describe(config.get("nesterov").source)));
            for (Optimizer::Group& group : groups) {
              const Json* own = group.extras.find("momentum");  // of a custom key
              group.set_momentum(own ? own->as_double() : momentum);
            }
            return std::make_unique<Sgd>(std::move(groups), dampening, nesterov);
          }};
}

}  // namespace selfsup::train
