#include "train/optimizers/sgd.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <string>
#include <string_view>
#include <unordered_set>

#include "base/errors.h"
#include "config/schema.h"
#include "train/optimizers/optimizer_state.h"

namespace selfsup::train {
namespace {

constexpr const char* buffer_name = "/momentum_buffer";

}  // namespace

Sgd::Sgd(const Json& config, std::vector<Group> groups)
    : Optimizer(std::move(groups)),
      dampening_(config.get("dampening").as_double()),
      nesterov_(config.get("nesterov").as_bool()) {
  const double momentum = config.get("momentum").as_double();
  if (nesterov_ && (momentum <= 0 || dampening_ != 0))
    throw Error(Exit::usage,
                fmt::format("{}: optim_wrapper.optimizer.nesterov: needs momentum above 0 and no dampening",
                            describe(config.get("nesterov").source)));
  for (Group& group : groups_) {
    const Json* own = group.extras.find("momentum");  // of a custom key
    group.set_momentum(own ? own->as_double() : momentum);
    buffers_.emplace_back(group.params.size());
  }
}

void Sgd::update(size_t index, const std::vector<size_t>& members, const std::optional<at::Tensor>& found_inf) {
  descend(index, members, groups_[index].lr, groups_[index].weight_decay, found_inf);
}

void Sgd::descend(size_t index, const std::vector<size_t>& members, double lr, double weight_decay,
                  const std::optional<at::Tensor>& found_inf) {
  const Group& group = groups_[index];
  std::vector<at::Tensor>& buffers = buffers_[index];
  const auto run = [&](const std::vector<size_t>& some, bool first) {
    if (some.empty()) return;
    const std::vector<at::Tensor> used = group.momentum != 0 ? pick(buffers, some) : std::vector<at::Tensor>{};
    at::_fused_sgd_(pick(group.params, some), gather_gradients(group.params, some), used, weight_decay, group.momentum,
                    lr, dampening_, nesterov_, /*maximize=*/false, first, /*grad_scale=*/{}, found_inf);
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

int momentum_copies(const Json& config) { return config.get("momentum").as_double() != 0 ? 1 : 0; }

OptimizerType sgd() {
  return {{"SGD"},
          config::parse_schema(
              std::string(R"({"type": "object", "properties": {)") + kSgdKeys + R"(}, "required": ["lr"]})", "SGD"),
          [](const Json& config, std::vector<Optimizer::Group> groups) -> std::unique_ptr<Optimizer> {
            return std::make_unique<Sgd>(config, std::move(groups));
          },
          momentum_copies};
}

}  // namespace selfsup::train
