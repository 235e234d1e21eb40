// Collectives and their gradients over 1, 2 and 3 ranks against one process that holds all rows.
#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/functions/basic_ops.h>

#include <catch2/catch.hpp>
#include <mutex>

#include "distributed/differentiable.h"
#include "distributed/single_process.h"
#include "ranks.h"

namespace selfsup::distributed {
namespace {

using test::ThreadRanks;

// Rows of one rank as a leaf of its own.
at::Tensor leaf_of(const Group& group, const at::Tensor& all) {
  const int64_t n = all.size(0) / group.world();
  return all.narrow(0, group.rank() * n, n).clone().set_requires_grad(true);
}
at::Tensor part_of(const Group& group, const at::Tensor& all) {
  const int64_t n = all.size(0) / group.world();
  return all.narrow(0, group.rank() * n, n);
}

// Every rank's loss is another function of its rows and of all of them.
at::Tensor loss_of(int64_t rank, const at::Tensor& own, const at::Tensor& all) {
  return at::mm(own, all.t()).square().sum() * static_cast<double>(rank + 1);
}

at::Tensor gradient_of(const at::Tensor& loss, const at::Tensor& leaf, bool create_graph = false) {
  return torch::autograd::grad({loss}, {leaf}, {}, create_graph, create_graph)[0];
}

// body(group, checks): on every rank, in threads; holds the lock where it asserts.
void on_ranks(int world, const std::function<void(const Group&, std::mutex&)>& body) {
  std::mutex checks;
  ThreadRanks(world).run([&](const Group& group) { body(group, checks); });
}

}  // namespace

TEST_CASE("gathered rows are those of all ranks, with the gradient that was asked for") {
  const int world = GENERATE(1, 2, 3);
  CAPTURE(world);
  const at::Tensor x = at::rand({6, 4}, at::kDouble);
  at::Tensor whole = x.clone().set_requires_grad(true);
  const int64_t n = 6 / world;
  at::Tensor total = at::zeros({}, at::kDouble);
  for (int64_t r = 0; r < world; ++r) total = total + loss_of(r, whole.narrow(0, r * n, n), whole);
  const at::Tensor of_all = gradient_of(total, whole);
  on_ranks(world, [&](const Group& group, std::mutex& checks) {
    const at::Tensor own = leaf_of(group, x);
    const auto with = [&](GatherGradient gradient) {
      return gradient_of(loss_of(group.rank(), own, gather_rows(group, own, gradient)), own);
    };
    const at::Tensor summed = with(GatherGradient::reduce_scatter), local = with(GatherGradient::local_slice),
                     none = with(GatherGradient::none);
    // One process: the other rows are constants; or all are.
    at::Tensor mixed = x.clone();
    part_of(group, mixed).copy_(own.detach());
    const at::Tensor parts = at::cat({mixed.narrow(0, 0, group.rank() * n), own,
                                      mixed.narrow(0, (group.rank() + 1) * n, 6 - (group.rank() + 1) * n)});
    const at::Tensor expected_local = gradient_of(loss_of(group.rank(), own, parts), own);
    const at::Tensor expected_none = gradient_of(loss_of(group.rank(), own, x), own);
    const at::Tensor all = gather_rows(group, own, GatherGradient::none);
    const std::lock_guard lock(checks);
    CHECK(at::equal(all, x));
    CHECK_FALSE(all.requires_grad());
    CHECK(at::allclose(summed, part_of(group, of_all)));
    CHECK(at::allclose(local, expected_local));
    CHECK(at::allclose(none, expected_none));
  });
}

TEST_CASE("sums and means over ranks carry the gradient of the sum of all losses") {
  const int world = GENERATE(1, 2, 3);
  const Reduce how = GENERATE(Reduce::sum, Reduce::mean);
  const at::Tensor x = at::rand({6, 4}, at::kDouble);
  const auto loss = [](int64_t rank, const at::Tensor& y) { return y.pow(3).sum() * static_cast<double>(rank + 1); };
  at::Tensor whole = x.clone().set_requires_grad(true);
  const at::Tensor each = whole.reshape({world, 6 / world, 4});
  const at::Tensor y = how == Reduce::sum ? each.sum(0) : each.mean(0);
  at::Tensor total = at::zeros({}, at::kDouble);
  for (int64_t r = 0; r < world; ++r) total = total + loss(r, y);
  const at::Tensor of_all = gradient_of(total, whole);
  on_ranks(world, [&](const Group& group, std::mutex& checks) {
    const at::Tensor own = leaf_of(group, x);
    const at::Tensor reduced = reduce(group, own, how);
    const at::Tensor gradient = gradient_of(loss(group.rank(), reduced), own);
    const std::lock_guard lock(checks);
    CHECK(at::allclose(reduced, y));
    CHECK(at::allclose(gradient, part_of(group, of_all)));
  });
}

TEST_CASE("gradients of gradients pass through collectives") {
  const int world = GENERATE(1, 2, 3);
  const at::Tensor x = at::rand({6, 2}, at::kDouble);
  const int64_t n = 6 / world;
  at::Tensor whole = x.clone().set_requires_grad(true);
  at::Tensor total = at::zeros({}, at::kDouble);
  for (int64_t r = 0; r < world; ++r) total = total + loss_of(r, whole.narrow(0, r * n, n), whole);
  const at::Tensor of_all = gradient_of(gradient_of(total, whole, true).pow(2).sum(), whole);
  on_ranks(world, [&](const Group& group, std::mutex& checks) {
    const at::Tensor own = leaf_of(group, x);
    const at::Tensor loss = loss_of(group.rank(), own, gather_rows(group, own, GatherGradient::reduce_scatter));
    const at::Tensor twice = gradient_of(gradient_of(loss, own, true).pow(2).sum(), own);
    const std::lock_guard lock(checks);
    CHECK(at::allclose(twice, part_of(group, of_all)));
  });
}

// Were the order another one on one rank, tensors of unlike sizes would meet.
TEST_CASE("backward's collectives meet in one order, whatever else the graphs of the ranks hold") {
  on_ranks(3, [&](const Group& group, std::mutex& checks) {
    at::Tensor x = at::ones({2, 3}, at::kDouble).set_requires_grad(true);
    const auto detour = [&](at::Tensor t, int steps) {
      for (int i = 0; i < steps; ++i) t = t * 1.0;
      return t.sum();
    };
    const at::Tensor a = reduce(group, (x * 2).flatten(), Reduce::sum);
    const at::Tensor b = gather_rows(group, detour(x * 3, 5 * group.rank()) * at::ones({2, 1}, at::kDouble),
                                     GatherGradient::reduce_scatter);
    const at::Tensor c = reduce(group, x.narrow(0, 0, 1) * 4, Reduce::mean);
    std::vector<at::Tensor> terms = {detour(a, group.rank() == 0 ? 20 : 0), detour(b, group.rank() == 1 ? 20 : 0),
                                     detour(c, group.rank() == 2 ? 20 : 0)};
    std::rotate(terms.begin(), terms.begin() + group.rank(), terms.end());
    (terms[0] + terms[1] + terms[2]).backward();
    // Of a: 3 ranks * 2; of b: 3 ranks * 2 rows * 3; of c: 4, in the first row.
    const at::Tensor expected = at::full({2, 3}, 6.0 + 18.0, at::kDouble);
    expected[0].add_(4);
    const std::lock_guard lock(checks);
    CHECK(at::allclose(x.grad(), expected));
  });
}

TEST_CASE("a rank whose gradient is not there gives zeros, and does not keep the others waiting") {
  on_ranks(2, [&](const Group& group, std::mutex& checks) {
    at::Tensor x = at::ones({2}, at::kDouble).set_requires_grad(true);
    at::Tensor y = reduce(group, x, Reduce::sum);
    if (group.rank() == 1) y = torch::autograd::UndefinedGrad()({y})[0];
    y.sum().backward();
    const std::lock_guard lock(checks);
    CHECK(at::equal(x.grad(), at::ones({2}, at::kDouble)));
  });
}

TEST_CASE("no graph where no gradients are recorded, and none for integers") {
  on_ranks(2, [&](const Group& group, std::mutex& checks) {
    at::Tensor x = at::ones({2}).set_requires_grad(true);
    const at::Tensor whole = gather_rows(group, at::arange(2), GatherGradient::reduce_scatter);
    bool recorded;
    {
      const at::NoGradGuard no_grad;
      recorded = reduce(group, x, Reduce::sum).requires_grad();
    }
    const std::lock_guard lock(checks);
    CHECK_FALSE(recorded);
    CHECK_FALSE(whole.requires_grad());
    CHECK(at::equal(whole, at::tensor({0, 1, 0, 1})));
  });
}

TEST_CASE("ranks are the same or not, on all of them alike") {
  on_ranks(3, [&](const Group& group, std::mutex& checks) {
    const bool same = group.same(7), other = group.same(group.rank() == 1 ? 8 : 7);
    const std::lock_guard lock(checks);
    CHECK(same);
    CHECK_FALSE(other);
  });
  CHECK(SingleProcess().same(3));
}

}  // namespace selfsup::distributed
