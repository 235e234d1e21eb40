#include "resolved.h"
#include "tensors.h"
#include "train/optimizers/optimizer.h"

#include <catch2/catch.hpp>

#include <set>

namespace selfsup::train {
namespace {

model::Entry entry(const std::string& name, const at::Tensor& value) {
  model::Entry e;
  e.name = name;
  e.tensor = value.clone().set_requires_grad(true);
  return e;
}

// The trace's hyperparameters as this program's configuration has them.
Json optimizer_config(const Json& trace) {
  Json config = Json::object();
  for (const char* key : {"type", "betas", "eps", "eta", "momentum", "dampening", "nesterov"})
    if (trace.has(key)) config.set(key, trace.get(key));
  config.set("lr", trace.get("lr").as_array().at(0));
  config.set("weight_decay", trace.get("weight_decay").get("weight"));
  return config;
}

void compare(const std::string& name, const Json& trace, int64_t steps, const test::Tensors& tensors) {
  std::deque<model::Entry> entries;
  const at::Tensor weight = tensors.get("weight0");
  entries.push_back(entry("weight", trace.get_string("weight0", "") == "zeros" ? at::zeros_like(weight) : weight));
  entries.push_back(entry("bias", tensors.get("bias0")));
  const Json& decay = trace.get("weight_decay");
  const double lr = trace.get("lr").as_array().at(0).as_double();
  std::vector<ParamGroup> groups;
  for (const model::Entry& e : entries) groups.push_back({{lr, decay.get(e.name).as_double()}, {&e}});
  if (const Json* excluded = trace.find("lars_exclude"))
    for (const Json& name : excluded->as_array())
      groups.at(name.as_string() == "weight" ? 0 : 1).settings.extras.set("lars_exclude", true);
  const auto optimizer = make_optimizer(test::resolved(optimizer_types(), optimizer_config(trace)), groups);
  for (int64_t step = 0; step < steps; ++step) {
    INFO("step " << step);
    for (model::Entry& e : entries) {
      const std::string grad = trace.get_string("grad_" + e.name, "grad_" + e.name);
      e.tensor.mutable_grad() = tensors.get(grad)[step].clone();
    }
    for (Optimizer::Group& group : optimizer->groups())
      group.lr = trace.get("lr").as_array().at(static_cast<size_t>(step)).as_double();
    optimizer->step();
    for (const model::Entry& e : entries) {
      const at::Tensor want = tensors.get(name + "/" + e.name)[step];
      const double tolerance = 2e-6 * std::max(1.0, want.abs().max().item<double>());
      CHECK(test::max_difference(e.tensor.detach(), want) <= tolerance);
    }
    for (const auto& [key, value] : optimizer->state()) {
      if (value.dim() == 0) continue;  // the step count
      const auto slash = key.find('/');
      const at::Tensor want = tensors.get(name + "/state/" + key.substr(slash + 1) + "_" + key.substr(0, slash))[step];
      CHECK(test::max_difference(value, want) <= 2e-6 * std::max(1.0, want.abs().max().item<double>()));
    }
  }
}

}  // namespace

TEST_CASE("optimizers follow the recorded traces step by step") {
  for (const auto& file : reference::family("optimizers", ".json")) {
    const Json all = read_json_file(file, "test");
    const test::Tensors tensors(reference::tensors_of(file));
    const int64_t steps = all.get("steps").as_int();
    REQUIRE(steps > 0);
    std::set<std::string> compared;
    for (const auto& [name, trace] : all.get("traces").as_object()) {
      INFO(file << " " << name);
      compare(name, trace, steps, tensors);
      compared.insert(trace.get("type").as_string());
    }
    CHECK(compared == std::set<std::string>{"Adam", "AdamW", "LARS", "SGD"});
  }
}

}  // namespace selfsup::train
