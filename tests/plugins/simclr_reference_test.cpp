// Loss and gradients of simclr.so's head against lightly's and MMSelfSup's, in one process.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <catch2/catch.hpp>

#include "support/fixture.h"

using namespace selfsup;
using selfsup::testing::Model;
using selfsup::testing::Tensors;

namespace {

Json head_config(double temperature, const std::string& gradient, int64_t in, int64_t out) {
  Json head = Json::object(), model = Json::object();
  head.set("temperature", temperature);
  head.set("gradient", gradient);
  model.set("type", "ContrastiveHeadAlone");
  model.set("head", head);
  model.set("in", in);
  model.set("out", out);
  return model;
}

void set_map(Model& model, const at::Tensor& value) {
  const at::NoGradGuard no_grad;
  model.store.find("weight")->tensor.copy_(value);
}

bridge::StepBatch batch_of(const at::Tensor& first, const at::Tensor& second) {
  bridge::StepBatch batch;
  batch.views = {first, second};
  batch.sample_index = at::arange(first.size(0));
  return batch;
}

void check_near(const at::Tensor& got, const at::Tensor& want, const std::string& what) {
  INFO(what);
  REQUIRE(got.defined());
  REQUIRE(got.sizes() == want.sizes());
  CHECK((got - want).abs().max().item<double>() < 2e-6);
}

// As a view that wants its gradient.
at::Tensor leaf(const at::Tensor& values) {
  return values.clone().view({-1, values.size(1), 1, 1}).set_requires_grad(true);
}

}  // namespace

TEST_CASE("NT-Xent: loss and gradients equal lightly's and MMSelfSup's", "[reference]") {
  selfsup::testing::registry().load(SELFSUP_BINARY_DIR "/tests/plugins/sdk_contrastive_head.so");
  for (const std::string& stem : selfsup::testing::family("ntxent", ".json")) {
    const Tensors recorded = selfsup::testing::load_tensors(stem);
    const Json file = selfsup::testing::load_json(stem);
    for (const Json& temperature : file.get("temperatures").as_array()) {
      const double t = temperature.as_double();
      const std::string name = t == 0.1 ? "T0.1" : "T0.5";
      for (const char* gradient : {"exact", "mmselfsup"}) {  // one rank: no difference
        const int64_t dim = recorded.at("z1").size(1);
        Model model(head_config(t, gradient, dim, dim));
        set_map(model, at::eye(dim));
        const at::Tensor z1 = leaf(recorded.at("z1")), z2 = leaf(recorded.at("z2"));
        const auto out = model.algorithm.training_step({}, batch_of(z1, z2));
        REQUIRE(out.size() == 2);
        out[0].value.backward();
        for (const char* who : {"lightly", "mmselfsup"}) {
          const std::string at = name + "/" + who + "/";
          check_near(out[0].value, recorded.at(at + "loss"), stem + " " + at + "loss");
          check_near(z1.grad().flatten(1), recorded.at(at + "grad_z1"), stem + " " + at + "grad_z1");
          check_near(z2.grad().flatten(1), recorded.at(at + "grad_z2"), stem + " " + at + "grad_z2");
        }
        // The share of rows whose nearest other one is their twin, by its definition.
        const at::Tensor all = at::cat({z1, z2}).detach().flatten(1), unit = all / all.norm(2, {1}, true);
        const at::Tensor nearest = unit.mm(unit.t()).fill_diagonal_(-2).argmax(1);
        const at::Tensor right = nearest.eq(at::arange(all.size(0)).roll(z1.size(0))).to(at::kFloat).mean();
        CHECK(out[1].value.item<float>() == right.item<float>());
      }
    }
  }
}

TEST_CASE("NT-Xent: a projection of length 0 gives finite gradients") {
  selfsup::testing::registry().load(SELFSUP_BINARY_DIR "/tests/plugins/sdk_contrastive_head.so");
  Model model(head_config(0.1, "exact", 4, 4));
  set_map(model, at::eye(4));
  const at::Tensor z1 = leaf(at::zeros({3, 4})), z2 = leaf(at::ones({3, 4}));
  model.algorithm.training_step({}, batch_of(z1, z2)).at(0).value.backward();
  CHECK(z1.grad().isfinite().all().item<bool>());
  CHECK(z2.grad().isfinite().all().item<bool>());
}
