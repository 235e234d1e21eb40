// The table ssp.dist over several ranks, each a thread with a host of its own.
#include <mutex>

#include "bridge/support/window.h"
#include "ranks.h"

namespace selfsup::bridge::testing {
namespace {

using Catch::Contains;
using distributed::Group;

// A rank inside a per-step call.
struct Rank {
  explicit Rank(const Group& group) { host.set_environment({.group = &group}); }
  ssp_tensor give(at::Tensor t) { return testing::give(host, std::move(t)); }
  at::Tensor take(ssp_tensor t) {
    at::Tensor tensor = peek(t);
    release(t);
    return tensor;
  }

  Host host;
  const ssp_dist& dist = extension<ssp_dist>(host, SSP_EXT_DIST);
};

void on_ranks(int world, const std::function<void(const Group&, std::mutex&)>& body) {
  std::mutex checks;
  test::ThreadRanks(world).run([&](const Group& group) { body(group, checks); });
}

}  // namespace

TEST_CASE("collectives of a plugin are those of the run's ranks") {
  on_ranks(3, [](const Group& group, std::mutex& checks) {
    Rank rank(group);
    Window window(rank.host);
    const auto number = static_cast<double>(group.rank() + 1);
    const at::Tensor x = at::full({2, 2}, number).set_requires_grad(true);
    const ssp_tensor h = rank.give(x);
    ssp_tensor all{}, local{}, sum{}, mean{}, highest{}, lowest{}, sent{};
    const ssp_status statuses[] = {rank.dist.all_gather(window.call(), h, SSP_GRAD_REDUCE_SCATTER, &all),
                                   rank.dist.all_gather(window.call(), h, SSP_GRAD_LOCAL_SLICE, &local),
                                   rank.dist.all_reduce(window.call(), h, SSP_REDUCE_SUM, SSP_GRAD_SUM, &sum),
                                   rank.dist.all_reduce(window.call(), h, SSP_REDUCE_AVG, SSP_GRAD_SUM, &mean),
                                   rank.dist.all_reduce(window.call(), h, SSP_REDUCE_MAX, SSP_GRAD_NONE, &highest),
                                   rank.dist.all_reduce(window.call(), h, SSP_REDUCE_MIN, SSP_GRAD_NONE, &lowest),
                                   rank.dist.broadcast(window.call(), h, 1, &sent)};
    release(h);
    const at::Tensor gathered = rank.take(all), slice = rank.take(local), total = rank.take(sum);
    (gathered.sum() * number + slice.sum() + total.sum() + rank.take(mean).sum()).backward();
    const std::lock_guard lock(checks);
    for (const ssp_status status : statuses) CHECK(status == SSP_OK);
    CHECK(rank.dist.rank(window.call()) == static_cast<uint32_t>(group.rank()));
    CHECK(rank.dist.world(window.call()) == 3);
    CHECK(at::equal(gathered, at::tensor({1.f, 1.f, 2.f, 2.f, 3.f, 3.f}).unsqueeze(1).expand({6, 2})));
    CHECK(at::equal(total, at::full({2, 2}, 6.f)));
    CHECK(at::equal(rank.take(highest), at::full({2, 2}, 3.f)));
    CHECK(at::equal(rank.take(lowest), at::full({2, 2}, 1.f)));
    const at::Tensor of_root = rank.take(sent);
    CHECK(at::equal(of_root, at::full({2, 2}, 2.f)));
    CHECK_FALSE(of_root.requires_grad());
    CHECK_FALSE(of_root.is_alias_of(x));
    // 1 + 2 + 3 of the gathered, the own of the slice, 3 of the sum, 1 of the mean.
    CHECK(at::allclose(x.grad(), at::full({2, 2}, 11.f)));
  });
}

TEST_CASE("ranks that do not make the same call are told so, all of them") {
  on_ranks(2, [](const Group& group, std::mutex& checks) {
    Rank rank(group);
    Window window(rank.host);
    const bool second = group.rank() == 1;
    const ssp_tensor rows = rank.give(at::zeros({second ? 3 : 2, 4})), equal = rank.give(at::zeros({2, 4})),
                     typed = rank.give(at::zeros({2}, second ? at::kFloat : at::kDouble));
    ssp_tensor out{};
    std::vector<std::pair<ssp_status, std::string>> told;
    const auto note = [&](ssp_status status) { told.emplace_back(status, error_text()); };
    note(rank.dist.all_gather(window.call(), rows, SSP_GRAD_NONE, &out));
    note(rank.dist.all_reduce(window.call(), rows, SSP_REDUCE_SUM, SSP_GRAD_NONE, &out));
    note(rank.dist.broadcast(window.call(), rows, 0, &out));
    note(rank.dist.broadcast(window.call(), equal, second ? 1 : 0, &out));
    note(rank.dist.all_gather(window.call(), typed, SSP_GRAD_NONE, &out));
    note(rank.dist.all_gather(window.call(), equal, second ? SSP_GRAD_NONE : SSP_GRAD_LOCAL_SLICE, &out));
    note(second ? rank.dist.all_gather(window.call(), equal, SSP_GRAD_NONE, &out)
                : rank.dist.all_reduce(window.call(), equal, SSP_REDUCE_SUM, SSP_GRAD_NONE, &out));
    // And go on together.
    const ssp_status after = rank.dist.all_reduce(window.call(), equal, SSP_REDUCE_SUM, SSP_GRAD_NONE, &out);
    if (after == SSP_OK) release(out);
    const ssp_status root = rank.dist.broadcast(window.call(), equal, 2, &out);
    const std::string no_root = error_text();
    const ssp_tensor whole = rank.give(at::zeros({2}, at::kLong));
    const ssp_status mean = rank.dist.all_reduce(window.call(), whole, SSP_REDUCE_AVG, SSP_GRAD_NONE, &out);
    for (const ssp_tensor t : {rows, equal, typed, whole}) release(t);
    const std::lock_guard lock(checks);
    for (const auto& [status, text] : told) {
      CHECK(status == SSP_E_ARGUMENT);
      CHECK_THAT(text,
                 Contains("the ranks do not make the same call; rank " + std::to_string(group.rank()) + " gives"));
    }
    CHECK_THAT(told[0].second, Contains(second ? "f32 [3, 4]" : "f32 [2, 4]"));
    CHECK(after == SSP_OK);
    CHECK(root == SSP_E_ARGUMENT);
    CHECK_THAT(no_root, Contains("root 2 is no rank; they are 0 to 1"));
    CHECK(mean == SSP_E_ARGUMENT);
  });
}

}  // namespace selfsup::bridge::testing
