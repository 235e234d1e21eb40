#include "fixture.h"
#include "train/optimizer.h"

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
  for (const char* key : {"type", "betas", "eps", "momentum", "dampening", "nesterov"})
    if (trace.has(key)) config.set(key, trace.get(key));
  config.set("lr", trace.get("lr").as_array().at(0));
  config.set("weight_decay", trace.get("weight_decay").get("weight"));
  return config;
}

}  // namespace

TEST_CASE("optimizers follow torch's traces step by step") {
  const Json all = read_json_file(test::fixtures() / "optimizers.json", "test");
  const test::Tensors tensors("optimizers.safetensors");
  const std::set<std::string> covered = {"AdamW", "Adam", "SGD"};
  int compared = 0;
  for (const auto& [name, trace] : all.get("traces").as_object()) {
    if (!covered.count(trace.get("type").as_string())) continue;
    INFO(name);
    ++compared;
    std::deque<model::Entry> entries;
    entries.push_back(entry("weight", tensors.get("weight0")));
    entries.push_back(entry("bias", tensors.get("bias0")));
    const Json& decay = trace.get("weight_decay");
    const double lr = trace.get("lr").as_array().at(0).as_double();
    std::vector<ParamGroup> groups;
    for (const model::Entry& e : entries) groups.push_back({{lr, decay.get(e.name).as_double()}, {&e}});
    const auto optimizer = make_optimizer(optimizer_config(trace), groups);
    for (int64_t step = 0; step < all.get("steps").as_int(); ++step) {
      for (model::Entry& e : entries) {
        const std::string grad = trace.get_string("grad_" + e.name, "grad_" + e.name);
        e.tensor.mutable_grad() = tensors.get(grad)[step].clone();
      }
      for (Optimizer::Group& group : optimizer->groups())
        group.lr = trace.get("lr").as_array().at(static_cast<size_t>(step)).as_double();
      optimizer->step();
      INFO("step " << step);
      for (const model::Entry& e : entries) {
        const at::Tensor want = tensors.get(name + "/" + e.name)[step];
        const double tolerance = 2e-6 * std::max(1.0, want.abs().max().item<double>());
        CHECK(test::max_difference(e.tensor.detach(), want) <= tolerance);
      }
      for (const auto& [key, value] : optimizer->state()) {
        if (value.dim() == 0) continue;  // the step count
        const auto slash = key.find('/');
        const at::Tensor want =
            tensors.get(name + "/state/" + key.substr(slash + 1) + "_" + key.substr(0, slash))[step];
        CHECK(test::max_difference(value, want) <= 2e-6 * std::max(1.0, want.abs().max().item<double>()));
      }
    }
  }
  CHECK(compared > 0);
}

}  // namespace selfsup::train
