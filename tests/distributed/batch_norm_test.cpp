// Batch norm over ranks with unequal numbers of rows against LibTorch's over all rows in one process.
#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <catch2/catch.hpp>
#include <mutex>

#include "distributed/batch_norm.h"
#include "ranks.h"

namespace selfsup::distributed {
namespace {

using test::ThreadRanks;

struct Case {
  const char* name;
  std::vector<int64_t> rows;   // of each rank
  std::vector<int64_t> shape;  // of a row
  at::ScalarType type = at::kDouble;
  bool affine = true, running = true;
  double offset = 0;  // of the values
};

}  // namespace

TEST_CASE("batch norm over ranks is batch norm over all rows, forward and backward") {
  const Case c = GENERATE(Case{"maps", {3, 1, 2}, {5, 4, 3}},                                               //
                          Case{"maps, channels last", {3, 1, 2}, {5, 4, 3}}, Case{"rows", {1, 1, 2}, {5}},  //
                          Case{"one row each", {1, 1}, {3}},                                                //
                          Case{"no rows on one", {4, 0, 2}, {5, 2, 2}},                                     //
                          Case{"f32", {3, 5}, {4, 7, 7}, at::kFloat},
                          Case{"f32 far from 0", {3, 5}, {4, 7, 7}, at::kFloat, true, true, 1000},
                          Case{"no affine", {2, 3}, {4, 2}, at::kDouble, false},
                          Case{"no running statistics", {2, 3}, {4, 2}, at::kDouble, true, false});
  CAPTURE(c.name);
  at::manual_seed(3);
  int64_t rows = 0;
  for (const int64_t n : c.rows) rows += n;
  std::vector<int64_t> sizes = c.shape;
  sizes.insert(sizes.begin(), rows);
  const int64_t channels = c.shape[0];
  const bool last = std::string(c.name).find("last") != std::string::npos;
  const auto laid_out = [&](const at::Tensor& t) { return last ? t.contiguous(at::MemoryFormat::ChannelsLast) : t; };
  const at::Tensor x = laid_out(at::randn(sizes, c.type) * 2 + c.offset), g = laid_out(at::randn(sizes, c.type));
  const at::Tensor w = at::rand({channels}, c.type) + 0.5, b = at::randn({channels}, c.type),
                   mean0 = at::randn({channels}, c.type), var0 = at::rand({channels}, c.type) + 0.5;
  const auto maybe = [](bool there, const at::Tensor& t) { return there ? std::optional(t.clone()) : std::nullopt; };

  // In f64, whatever the type: what both are to approach.
  const auto wide = [](const std::optional<at::Tensor>& t) { return t ? std::optional(t->to(at::kDouble)) : t; };
  at::Tensor whole = x.to(at::kDouble, false, true).set_requires_grad(true);
  auto weight = wide(maybe(c.affine, w)), bias = wide(maybe(c.affine, b));
  if (c.affine) weight->set_requires_grad(true), bias->set_requires_grad(true);
  const auto mean = wide(maybe(c.running, mean0)), var = wide(maybe(c.running, var0));
  const at::Tensor y = at::batch_norm(whole, weight, bias, mean, var, true, 0.3, 1e-5, false);
  y.backward(g.to(at::kDouble));
  const double rtol = c.type == at::kDouble ? 1e-9 : c.offset != 0 ? 1e-3 : 1e-5;
  const auto close = [&](const at::Tensor& a, const at::Tensor& e) {
    return at::allclose(a.to(at::kDouble), e, rtol, rtol);
  };

  std::mutex checks;
  at::Tensor weight_gradient = at::zeros({channels}, at::kDouble), bias_gradient = at::zeros({channels}, at::kDouble);
  ThreadRanks(static_cast<int>(c.rows.size())).run([&](const Group& group) {
    int64_t first = 0;
    for (int r = 0; r < group.rank(); ++r) first += c.rows[static_cast<size_t>(r)];
    const int64_t n = c.rows[static_cast<size_t>(group.rank())];
    const auto own = [&](const at::Tensor& t) { return t.narrow(0, first, n); };
    at::Tensor mine = laid_out(own(x).clone()).set_requires_grad(true);
    BatchNormArguments a{
        maybe(c.affine, w), maybe(c.affine, b), maybe(c.running, mean0), maybe(c.running, var0), 0.3, 1e-5};
    if (c.affine) a.weight->set_requires_grad(true), a.bias->set_requires_grad(true);
    const at::Tensor out = batch_norm(group, mine, a);
    out.backward(own(g));
    const std::lock_guard lock(checks);
    CHECK(out.scalar_type() == c.type);
    CHECK(close(out, own(y)));
    CHECK(close(mine.grad(), own(whole.grad())));
    if (last && n > 1) CHECK(mine.grad().is_contiguous(at::MemoryFormat::ChannelsLast));
    if (c.running) {
      CHECK(close(*a.running_mean, *mean));
      CHECK(close(*a.running_var, *var));
    }
    if (c.affine) {
      weight_gradient += a.weight->grad().to(at::kDouble);
      bias_gradient += a.bias->grad().to(at::kDouble);
    }
  });
  if (c.affine) {
    CHECK(close(weight_gradient, weight->grad()));
    CHECK(close(bias_gradient, bias->grad()));
  }
}

TEST_CASE("batch norm over ranks sums half-precision rows in f32") {
  const at::Tensor x = (at::randn({6, 3, 8, 8}) + 4).to(at::kBFloat16);
  at::Tensor whole = x.clone().set_requires_grad(true);
  const at::Tensor w = at::rand({3}), b = at::rand({3}), mean = at::zeros({3}), var = at::ones({3});
  const at::Tensor y = at::batch_norm(whole, w, b, mean, var, true, 0.1, 1e-5, false);
  const at::Tensor g = at::randn({6, 3, 8, 8}).to(at::kBFloat16);
  y.backward(g);
  std::mutex checks;
  ThreadRanks(2).run([&](const Group& group) {
    const auto own = [&](const at::Tensor& t) { return t.narrow(0, 3 * group.rank(), 3); };
    at::Tensor mine = own(x).clone().set_requires_grad(true);
    const BatchNormArguments a{w, b, at::zeros({3}), at::ones({3}), 0.1, 1e-5};
    const at::Tensor out = batch_norm(group, mine, a);
    out.backward(own(g));
    const std::lock_guard lock(checks);
    CHECK(out.scalar_type() == at::kBFloat16);
    CHECK(at::allclose(out, own(y), 1e-2, 1e-2));
    CHECK(at::allclose(mine.grad(), own(whole.grad()), 2e-2, 2e-2));
    CHECK(at::allclose(*a.running_mean, mean, 1e-4, 1e-4));
    CHECK(at::allclose(*a.running_var, var, 1e-4, 1e-4));
  });
}

TEST_CASE("what batch norm over ranks cannot do is an error on every rank") {
  std::mutex checks;
  const BatchNormArguments plain{{}, {}, {}, {}, 0.1, 1e-5};
  ThreadRanks(2).run([&](const Group& group) {
    const auto error_of = [](const auto& f) {
      try {
        f();
      } catch (const std::exception& e) {
        return std::string(e.what());
      }
      return std::string("no error");
    };
    const std::string one = error_of([&] { batch_norm(group, at::ones({group.rank(), 3}), plain); });
    BatchNormArguments narrow = plain;
    narrow.weight = at::ones({2});
    const std::string weight = error_of([&] { batch_norm(group, at::ones({2, 3}), narrow); });
    at::Tensor x = at::randn({2, 3}).set_requires_grad(true);
    const at::Tensor y = batch_norm(group, x, plain).square().sum();
    const std::string twice = error_of([&] { torch::autograd::grad({y}, {x}, {}, true, true); });
    const std::lock_guard lock(checks);
    CHECK_THAT(one, Catch::Contains("one value a channel over all ranks"));
    CHECK_THAT(weight, Catch::Contains("weight"));
    CHECK_THAT(twice, Catch::Contains("no second derivative"));
  });
}

}  // namespace selfsup::distributed
