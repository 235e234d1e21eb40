#include "train/optimizers/optimizer.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "base/errors.h"
#include "train/optimizers/adam.h"
#include "train/optimizers/optimizer_state.h"
#include "train/optimizers/sgd.h"

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

std::vector<at::Tensor> pick(const std::vector<at::Tensor>& from, const std::vector<size_t>& members) {
  std::vector<at::Tensor> out;
  out.reserve(members.size());
  for (size_t i : members) out.push_back(from[i]);
  return out;
}

std::vector<at::Tensor> gather_gradients(const std::vector<at::Tensor>& params, const std::vector<size_t>& members) {
  std::vector<at::Tensor> out;
  out.reserve(members.size());
  for (size_t i : members) out.push_back(params[i].grad());
  return out;
}

void copy_state(const NamedTensors& into, const NamedTensors& from, bool partial) {
  std::unordered_map<std::string_view, const at::Tensor*> targets;
  for (const auto& [name, tensor] : into) targets.emplace(name, &tensor);
  if (!partial && from.size() != into.size())
    throw Error(Exit::checkpoint, fmt::format("the optimizer's saved state has {} tensors where this run has {}: it "
                                              "belongs to another optimizer or model",
                                              from.size(), into.size()));
  for (const auto& [name, tensor] : from) {
    const auto target = targets.find(name);
    if (target == targets.end())
      throw Error(Exit::checkpoint, fmt::format("the optimizer's saved state has \"{}\", which this run's optimizer "
                                                "does not have: it belongs to another optimizer or model",
                                                name));
    const at::Tensor& own = *target->second;
    if (tensor.sizes() != own.sizes() || tensor.scalar_type() != own.scalar_type())
      throw Error(Exit::checkpoint,
                  fmt::format("the optimizer's saved state \"{}\" is {} {} where this run has {} {}", name,
                              c10::toString(tensor.scalar_type()), fmt::join(tensor.sizes(), "x"),
                              c10::toString(own.scalar_type()), fmt::join(own.sizes(), "x")));
  }
  at::NoGradGuard no_grad;
  for (const auto& [name, tensor] : from) targets.at(name)->copy_(tensor);
}

namespace {

const std::string& type_of(const Json& optimizer) { return optimizer.get("type").as_string(); }

[[noreturn]] void refuse(const Json& node, const std::string& text) {
  throw Error(Exit::usage, fmt::format("{}: optim_wrapper.optimizer: {}", describe(node.origin), text));
}

double at_least_zero(const Json& config, const char* key, double otherwise) {
  const double value = config.get_double(key, otherwise);
  if (!(value >= 0)) refuse(config.get(key), fmt::format("{} is at least 0, not {}", key, value));
  return value;
}

std::pair<double, double> betas(const Json& config) {
  const Json* node = config.find("betas");
  if (!node) return {0.9, 0.999};
  if (node->as_array().size() != 2) refuse(*node, "betas is an array of two numbers");
  const double beta1 = node->as_array()[0].as_double(), beta2 = node->as_array()[1].as_double();
  if (!(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1)) refuse(*node, "each of betas is in [0, 1)");
  return {beta1, beta2};
}

void refuse_unknown_options(const Json& config, std::initializer_list<std::string_view> known) {
  for (const auto& [key, value] : config.as_object())
    if (key != "type" && key != "lr" && key != "weight_decay" && std::ranges::find(known, key) == known.end())
      refuse(value, fmt::format("{} has no option \"{}\"; it has lr, weight_decay, {}", type_of(config), key,
                                fmt::join(known, ", ")));
}

}  // namespace

double configured_lr(const Json& optimizer) { return at_least_zero(optimizer, "lr", optimizer.get("lr").as_double()); }

double configured_weight_decay(const Json& optimizer) {
  return at_least_zero(optimizer, "weight_decay", type_of(optimizer) == "AdamW" ? 0.01 : 0.0);
}

std::unique_ptr<Optimizer> make_optimizer(const Json& config, const std::vector<ParamGroup>& param_groups) {
  const std::string& type = type_of(config);
  const bool adam = type == "Adam" || type == "AdamW";
  if (!adam && type != "SGD")
    refuse(config.get("type"), fmt::format("there is no optimizer \"{}\"; there are AdamW, Adam and SGD", type));
  const double momentum = adam ? betas(config).first : at_least_zero(config, "momentum", 0);
  std::vector<Optimizer::Group> groups;
  for (const ParamGroup& from : param_groups) {
    const double own = adam ? momentum : from.settings.extras.get_double("momentum", momentum);
    Optimizer::Group group{from.settings.lr,     own, from.settings.weight_decay,
                           from.settings.lr,     own, from.settings.weight_decay,
                           from.settings.extras, {},  {}};
    for (const model::Entry* entry : from.entries) {
      group.names.push_back(entry->name);
      group.params.push_back(entry->tensor);
    }
    groups.push_back(std::move(group));
  }
  if (adam) {
    refuse_unknown_options(config, {"betas", "eps"});
    return std::make_unique<Adam>(std::move(groups), type == "AdamW", betas(config).second,
                                  at_least_zero(config, "eps", 1e-8));
  }
  refuse_unknown_options(config, {"momentum", "dampening", "nesterov"});
  const double dampening = at_least_zero(config, "dampening", 0);
  const bool nesterov = config.get_bool("nesterov", false);
  if (nesterov && (momentum <= 0 || dampening != 0)) refuse(config, "nesterov needs momentum above 0 and no dampening");
  return std::make_unique<Sgd>(std::move(groups), dampening, nesterov);
}

}  // namespace selfsup::train
