// What mae.so leaves out and reorders changes nothing: loss, gradients and pictures are those of the plain formulation.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <catch2/catch.hpp>

#include "model/memory_format.h"
#include "support/plain_mae.h"
#include "threads.h"

using namespace selfsup;
using selfsup::test::Threads;
using selfsup::testing::FixedNoise;
using selfsup::testing::Fusing;
using selfsup::testing::Model;
using selfsup::testing::PlainCase;
using selfsup::testing::PlainMae;

namespace {

const PlainCase kCases[] = {
    {.name = "a class token", .image = {8, 8}, .patch = {2, 2}, .mask_ratio = 0.75},
    {.name = "a class token, three blocks", .image = {4, 12}, .patch = {2, 2}, .decoder_depth = 3},
    {.name = "a class token, no block", .image = {12, 6}, .patch = {3, 3}, .decoder_depth = 0, .norm_pix = false},
    {.name = "one patch visible", .image = {6, 8}, .patch = {2, 2}, .mask_ratio = 0.9, .decoder_depth = 2},
    {.name = "one patch hidden", .image = {6, 8}, .patch = {2, 2}, .mask_ratio = 0.05, .decoder_depth = 2},
    {.name = "no prefix", .image = {4, 9}, .patch = {2, 3}, .decoder_depth = 2, .prefix = 0},
    {.name = "no prefix, one patch visible", .image = {6, 8}, .patch = {2, 4}, .mask_ratio = 0.8, .prefix = 0},
    {.name = "no prefix, one patch hidden", .image = {6, 8}, .patch = {2, 4}, .mask_ratio = 0.1, .prefix = 0},
    {.name = "two patches in all", .image = {4, 2}, .patch = {2, 2}, .prefix = 0, .norm_pix = false},
    {.name = "three prefix tokens", .image = {9, 4}, .patch = {3, 2}, .decoder_depth = 2, .prefix = 3},
    {.name = "tokens that see beyond their patch", .image = {8, 12}, .patch = {2, 3}, .prefix = 1, .margin = 1},
};

struct Lot {
  bridge::StepBatch batch;
  at::Tensor noise;
  Lot(const PlainCase& c, int64_t images, at::MemoryFormat layout = at::MemoryFormat::Contiguous) {
    batch.views = {at::randn({images, 3, c.image[0], c.image[1]}).contiguous(layout)};
    batch.sample_index = at::arange(images);
    noise = at::rand({images, c.patches()});
  }
  const at::Tensor& images() const { return batch.views[0]; }
};

double relative(const at::Tensor& got, const at::Tensor& want) {
  REQUIRE(got.sizes() == want.sizes());
  if (at::equal(want, at::zeros_like(want))) return got.abs().max().item<double>();
  return ((got.to(at::kDouble) - want).norm() / want.norm()).item<double>();
}

struct Named {
  std::string name;
  at::Tensor value;
};

// The loss, then every gradient.
std::vector<Named> loss_and_gradients(Model& model, const Lot& lot) {
  const FixedNoise noise(lot.noise);
  std::vector<Named> all = {{"loss", model.algorithm.training_step({}, lot.batch).at(0).value}};
  all[0].value.backward();
  for (model::Entry& e : model.store.entries()) {
    if (e.kind != model::Kind::parameter) continue;
    INFO(e.name);
    REQUIRE(e.tensor.grad().defined());
    all.push_back({e.name, e.tensor.grad().clone()});
    e.tensor.mutable_grad() = at::Tensor();
  }
  return all;
}

// Not of the norms and linear layers outside of blocks: LibTorch divides the sums of their gradients among threads.
bool is_own_sum(const std::string& name) {
  if (name == "loss" || name.ends_with("_token")) return true;
  return name.find(".layers.") != name.npos || name.find(".decoder_blocks.") != name.npos;
}

void check_step(const PlainCase& c, at::MemoryFormat layout) {
  Model model(c.model());
  if (layout == at::MemoryFormat::ChannelsLast) model::lay_channels_last(model.store);
  model.store.initialise(5);
  const Lot lot(c, 3, layout);
  const PlainMae plain(c, model);
  const at::Tensor loss = plain.run(lot.images(), lot.noise).loss();
  loss.backward();
  for (const auto& [name, got] : loss_and_gradients(model, lot)) {
    INFO(name);
    CHECK(relative(got, name == "loss" ? loss : plain.values().at(name).grad()) < 1e-5);
  }
}

void check_pictures(const PlainCase& c) {
  Model model(c.model());
  model.store.initialise(6);
  const Lot lot(c, 3);
  const PlainMae plain(c, model);
  const auto [predictions, target, mask] = plain.run(lot.images(), lot.noise);
  const at::Tensor pixels = plain.patches(lot.images()).to(at::kDouble), hidden = mask.unsqueeze(-1);
  at::Tensor rebuilt = predictions;
  if (c.norm_pix) rebuilt = rebuilt * (pixels.var(-1, true, true) + 1e-6).sqrt() + pixels.mean(-1, true);
  const FixedNoise noise(lot.noise);
  const auto pictures = model.algorithm.reconstruct({}, lot.batch);
  REQUIRE(pictures.size() == 4);
  const auto shown = [&](size_t i) { return plain.patches(pictures[i].value).to(at::kDouble); };
  CHECK(at::equal(shown(0), pixels));
  CHECK(at::equal(shown(1), pixels * (1 - hidden)));
  CHECK(relative(shown(2), rebuilt) < 1e-5);
  CHECK(relative(shown(3), at::where(hidden > 0, rebuilt, pixels)) < 1e-5);
}

}  // namespace

TEST_CASE("MAE: loss and every gradient are those of the plain formulation") {
  for (const PlainCase& c : kCases) {
    INFO(c.name);
    check_step(c, at::MemoryFormat::Contiguous);
    check_step(c, at::MemoryFormat::ChannelsLast);
    INFO("fused");
    const Fusing fused(true);
    check_step(c, at::MemoryFormat::ChannelsLast);
  }
}

TEST_CASE("MAE: pictures show what the plain formulation predicts, of visible patches too") {
  for (const PlainCase& c : kCases) {
    INFO(c.name);
    check_pictures(c);
    INFO("fused");
    const Fusing fused(true);
    check_pictures(c);
  }
}

TEST_CASE("MAE: a step has the same bits on any number of threads, but in layers that LibTorch sums thread by thread") {
  // Enough of everything that each operator takes all threads.
  const PlainCase large = {.name = "large", .image = {48, 64}, .patch = {4, 4}, .mask_ratio = 0.75, .decoder_depth = 2};
  Model model(large.model());
  model.store.initialise(7);
  const Lot lot(large, 24);
  const Fusing fused(true);
  std::vector<Named> first;
  for (const int threads : {1, 2, 4, 1}) {
    const Threads these(threads);
    const std::vector<Named> now = loss_and_gradients(model, lot);
    if (first.empty()) first = now;
    for (size_t i = 0; i < now.size(); ++i) {
      INFO("threads " << threads << ", " << now[i].name);
      if (is_own_sum(now[i].name) || threads == 1) {
        CHECK(at::equal(now[i].value, first[i].value));
      } else {
        CHECK(relative(now[i].value, first[i].value.to(at::kDouble)) < 1e-5);
      }
    }
  }
}
