// simclr.so's head over several ranks, each a thread with a host and a copy of the plugin of its own, against lightly's
// and MMSelfSup's.
#include <ATen/ATen.h>

#include <catch2/catch.hpp>
#include <mutex>

#include "bridge/host.h"
#include "ranks.h"
#include "support/fixture.h"

using namespace selfsup;
using selfsup::testing::Tensors;

namespace {

// What a rank computes from its rows, z = x W^T.
struct Reached {
  at::Tensor loss, grad_x1, grad_x2, grad_w;
};

Reached step_on(const distributed::Group& group, const Json& config, const Tensors& recorded) {
  bridge::Host host;
  host.set_environment({.group = &group});
  const plugin::Registry registry(host.table(), {});
  registry.load(SELFSUP_BINARY_DIR "/tests/plugins/sdk_contrastive_head.so");
  bridge::Facts facts;
  facts.world = group.world();
  facts.rank = group.rank();
  model::ParameterStore store;
  bridge::Algorithm algorithm(registry, config, facts, store);
  const at::Tensor weight = store.find("weight")->tensor;
  {
    const at::NoGradGuard no_grad;
    weight.copy_(recorded.at("dist/W"));
  }
  const int64_t n = recorded.at("dist/x1").size(0) / group.world();
  const auto rows = [&](const char* name) {
    return recorded.at(name).narrow(0, group.rank() * n, n).clone().view({n, -1, 1, 1}).set_requires_grad(true);
  };
  bridge::StepBatch batch;
  batch.views = {rows("dist/x1"), rows("dist/x2")};
  batch.sample_index = at::arange(n);
  const at::Tensor loss = algorithm.training_step({}, batch).at(0).value;
  loss.backward();
  return {loss.detach(), batch.views[0].grad().flatten(1), batch.views[1].grad().flatten(1), weight.grad()};
}

std::vector<Reached> on_ranks(int world, const Json& config, const Tensors& recorded) {
  std::vector<Reached> all(static_cast<size_t>(world));
  test::ThreadRanks(world).run([&](const distributed::Group& group) {
    all[static_cast<size_t>(group.rank())] = step_on(group, config, recorded);
  });
  return all;
}

void check_near(const at::Tensor& got, const at::Tensor& want, const std::string& what) {
  INFO(what);
  REQUIRE(got.sizes() == want.sizes());
  CHECK((got - want).abs().max().item<double>() < 2e-6);
}

}  // namespace

TEST_CASE("NT-Xent over ranks: losses and gradients equal lightly's (exact) and MMSelfSup's", "[reference]") {
  for (const std::string& stem : selfsup::testing::family("ntxent", ".json")) {
    const Json file = selfsup::testing::load_json(stem);
    const Tensors recorded = selfsup::testing::load_tensors(stem);
    for (const Json& ranks : file.get("ranks").as_array())
      for (const Json& temperature : file.get("temperatures").as_array())
        for (const bool exact : {true, false}) {
          const auto world = static_cast<int>(ranks.as_int());
          const std::string at = "dist/world" + std::to_string(world) + "/T" + to_text(temperature) + "/";
          const std::string who = exact ? "lightly" : "mmselfsup";
          INFO(stem << " " << at << who);
          Json head = Json::object(), config = Json::object();
          head.set("temperature", temperature);
          head.set("gradient", exact ? "exact" : "mmselfsup");
          config.set("type", "ContrastiveHeadAlone");
          config.set("head", head);
          config.set("in", recorded.at("dist/W").size(1));
          config.set("out", recorded.at("dist/W").size(0));
          const std::vector<Reached> reached = on_ranks(world, config, recorded);

          at::Tensor loss = at::zeros({}), mean = at::zeros_like(recorded.at("dist/W"));
          for (int rank = 0; rank < world; ++rank) {
            const Reached& own = reached[static_cast<size_t>(rank)];
            const std::string of_rank = "/rank" + std::to_string(rank) + "/";
            // Each rank's loss is that of its own rows, as lightly's; MMSelfSup's ranks all compute the mean of these.
            check_near(own.loss, recorded.at(at + "lightly" + of_rank + "loss"), of_rank + "loss");
            const at::Tensor z1 = recorded.at(at + who + of_rank + "grad_z1"), w = recorded.at("dist/W");
            check_near(own.grad_x1, z1.mm(w), of_rank + "grad_z1");
            check_near(own.grad_x2, recorded.at(at + who + of_rank + "grad_z2").mm(w), of_rank + "grad_z2");
            check_near(own.grad_w, recorded.at(at + who + of_rank + "grad_W_local"), of_rank + "grad_W_local");
            loss += own.loss / world;
            mean += own.grad_w / world;
            check_near(recorded.at(at + who + of_rank + "grad_W_after_ddp"),
                       recorded.at(at + "global_grad_W") / (exact ? 1 : world), "what the mean over ranks is to be");
          }
          check_near(loss, recorded.at(at + "global_loss"), "the mean of the losses");
          check_near(mean, recorded.at(at + "global_grad_W") / (exact ? 1 : world), "the mean of the gradients");
        }
  }
}
