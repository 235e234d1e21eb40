// LARS: SGD whose every tensor has a rate of its own, by the size of its values against that of its gradient.
#include <ATen/ATen.h>

#include <string>

#include "config/schema.h"
#include "train/optimizers/optimizer_state.h"
#include "train/optimizers/sgd.h"

namespace selfsup::train {
namespace {

// MMSelfSup's (You, Gitman, Ginsburg, arXiv:1708.03888, with the rate inside the momentum buffer):
//   rate = lr * eta * |w| / (|g| + weight_decay * |w| + eps), of the raw gradient g; lr alone where a norm is 0
//   buffer = momentum * buffer + (1 - dampening) * rate * (g + weight_decay * w);  w = w - buffer
// which is SGD with the rate 1 on the gradient rate * (g + weight_decay * w). Groups with the extra `lars_exclude` have
// the rate lr. Norms and rates stay on the device: nothing waits for it.
class Lars final : public Sgd {
 public:
  Lars(const Json& config, std::vector<Group> groups)
      : Sgd(config, std::move(groups)), eta_(config.get("eta").as_double()), eps_(config.get("eps").as_double()) {}

 private:
  void update(size_t index, const std::vector<size_t>& members, const std::optional<at::Tensor>& found_inf) override {
    const Group& group = groups_[index];
    const std::vector<at::Tensor> params = pick(group.params, members);
    const std::vector<at::Tensor> gradients = gather_gradients(group.params, members);
    // Norms first: the gradients are changed in place, and cleared after the step anyway.
    const bool adapts = !group.extras.get_bool("lars_exclude", false);
    const std::vector<at::Tensor> rates =
        adapts ? rates_of(params, gradients, group).unbind() : std::vector<at::Tensor>{};
    if (group.weight_decay != 0) at::_foreach_add_(gradients, params, group.weight_decay);
    if (adapts) {
      at::_foreach_mul_(gradients, rates);
    } else {
      at::_foreach_mul_(gradients, group.lr);
    }
    descend(index, members, /*lr=*/1, /*weight_decay=*/0, found_inf);
  }

  // [tensors]
  at::Tensor rates_of(const std::vector<at::Tensor>& params, const std::vector<at::Tensor>& gradients,
                      const Group& group) const {
    const at::Tensor w = at::stack(at::_foreach_norm(params)), g = at::stack(at::_foreach_norm(gradients));
    const at::Tensor adapted = eta_ * w / (g + group.weight_decay * w + eps_);
    return at::where(w.ne(0).logical_and(g.ne(0)), adapted, 1.0) * group.lr;
  }

  double eta_, eps_;
};

}  // namespace

OptimizerType lars() {
  return {{"LARS"},
          config::parse_schema(std::string(R"({
            "type": "object",
            "properties": {)") + kSgdKeys +
                                   R"(,
              "eta": {"type": "number", "exclusiveMinimum": 0, "default": 0.001, "description": "how far a step may change a tensor, as a share of its norm"},
              "eps": {"type": "number", "minimum": 0, "default": 1e-8, "description": "added to the denominator"}},
            "required": ["lr"]})",
                               "LARS"),
          [](const Json& config, std::vector<Optimizer::Group> groups) -> std::unique_ptr<Optimizer> {
            return std::make_unique<Lars>(config, std::move(groups));
          },
          momentum_copies};
}

}  // namespace selfsup::train
