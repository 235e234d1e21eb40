// Collectives of processes over gloo, and what becomes of them when a process ends.
#include "distributed/process_group.h"

#include <ATen/ATen.h>
#include <signal.h>

#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "base/errors.h"
#include "device/device.h"
#include "device/driver.h"
#include "distributed/gpus.h"
#include "distributed/support/rank_bodies.h"
#include "distributed/world.h"
#include "rank_world.h"

namespace selfsup::distributed {
namespace {

using Catch::Contains;
using testing::loops;
using testing::need;
using testing::say;

// The rank's error, which it must be before anything is sent.
void need_refusal(const std::function<void()>& call, const std::string& what) {
  try {
    call();
  } catch (const Error& e) {
    need(e.exit() == Exit::failed, what + " is refused with the right code, not " + e.what());
    return;
  }
  need(false, what + " is refused");
}

const std::vector<at::ScalarType> reducible = {at::kFloat, at::kDouble, at::kHalf, at::kBFloat16,
                                               at::kInt,   at::kLong,   at::kByte, at::kChar};

void reductions(const Group& group, at::Device device) {
  const int64_t rank = group.rank(), world = group.world();
  for (const at::ScalarType type : reducible) {
    const std::string name = c10::toString(type);
    const auto own = [&](int64_t of) { return (at::arange(5, at::kLong) + of).to(type).to(device); };
    at::Tensor sum = own(rank), high = own(rank), low = own(rank);
    group.all_reduce(sum, Reduce::sum);
    group.all_reduce(high, Reduce::max);
    group.all_reduce(low, Reduce::min);
    need(at::equal(sum.cpu(), (at::arange(5, at::kLong) * world + world * (world - 1) / 2).to(type)), "sum of " + name);
    need(at::equal(high, own(world - 1)) && at::equal(low, own(0)), "maximum and minimum of " + name);
    if (!at::isFloatingType(type)) {
      need_refusal([&] { group.all_reduce(sum, Reduce::mean); }, "a mean of " + name);
      continue;
    }
    at::Tensor mean = own(2 * rank);
    group.all_reduce(mean, Reduce::mean);
    need(at::equal(mean, own(world - 1)), "mean of " + name);
  }
  at::Tensor flag = at::full({2}, rank == world - 1, at::kBool).to(device);
  group.all_reduce(flag, Reduce::max);
  need(flag.all().item<bool>(), "maximum of bool");
  need_refusal([&] { group.all_reduce(flag, Reduce::sum); }, "a sum of bool");
  need_refusal([&] { group.all_reduce(at::ones({2}, at::kComplexFloat), Reduce::sum); }, "a sum of complex numbers");
  need_refusal([&] { group.all_reduce(at::ones({2, 3}).t(), Reduce::sum); }, "what is not contiguous");
  const at::Tensor leaf = at::ones({3}).to(device).set_requires_grad(true);
  group.all_reduce(leaf, Reduce::mean);
  need(at::equal(leaf.cpu(), at::ones({3})), "a leaf is reduced in place");
  group.all_reduce(at::empty({0}).to(device), Reduce::sum);
}

void copies(const Group& group, at::Device device) {
  const int64_t rank = group.rank(), world = group.world();
  for (const at::ScalarType type :
       {at::kFloat, at::kBFloat16, at::kHalf, at::kLong, at::kBool, at::kByte, at::kComplexDouble}) {
    const std::string name = c10::toString(type);
    const auto of = [&](int64_t owner) {
      return (at::arange(6, at::kLong).reshape({2, 3}) % (owner + 2)).to(type).to(device);
    };
    for (int root = 0; root < world; ++root) {
      at::Tensor tensor = of(rank);
      group.broadcast(tensor, root);
      need(at::equal(tensor, of(root)), "broadcast of " + name);
      at::Tensor scalar = of(rank)[1][2].clone();
      group.broadcast(scalar, root);
      need(at::equal(scalar, of(root)[1][2]), "broadcast of one " + name);
    }
    std::vector<at::Tensor> all;
    for (int owner = 0; owner < world; ++owner) all.push_back(of(owner));
    const at::Tensor given = of(rank), gathered = group.all_gather(given);
    need(at::equal(gathered, at::cat(all)), "all_gather of " + name);
    need(at::equal(given, of(rank)) && !gathered.is_alias_of(given), "all_gather leaves what it is given");
  }
  need(group.all_gather(at::empty({0, 3}).to(device)).sizes() == at::IntArrayRef({0, 3}), "all_gather of nothing");
  need(!group.all_gather(at::ones({1, 2}).to(device).set_requires_grad(true)).requires_grad(),
       "all_gather has no gradient");
  need_refusal([&] { group.all_gather(at::ones({2, 3}).t()); }, "rows that are not contiguous");
  need_refusal([&] { group.all_gather(at::scalar_tensor(1)); }, "a row without a dimension");
  const at::Tensor rows = at::arange(world * 2 * 3, at::kDouble).reshape({world * 2, 3}).to(device);
  const at::Tensor own = group.reduce_scatter(rows * static_cast<double>(rank + 1));
  need(at::equal(own, rows.narrow(0, rank * 2, 2) * static_cast<double>(world * (world + 1) / 2)), "reduce_scatter");
  if (world > 1) need_refusal([&] { group.reduce_scatter(at::ones({world + 1, 2})); }, "rows that do not divide");
}

void host_values(const Group& group) {
  const int rank = group.rank(), world = group.world();
  double numbers[] = {static_cast<double>(rank), -1.5 * rank, 1e300};
  group.all_reduce(numbers, Reduce::max);
  need(numbers[0] == world - 1 && numbers[1] == 0 && numbers[2] == 1e300, "maximum of numbers");
  double mean[] = {static_cast<double>(2 * rank)};
  group.all_reduce(mean, Reduce::mean);
  need(mean[0] == world - 1, "mean of numbers");
  need(group.any(rank == world - 1) && !group.any(false), "any");
  need(group.same(3.25) && group.same(rank) == (world == 1), "same");
  // Two under way at once, others between them, waited for in another order.
  const auto first = group.highest_later(rank), second = group.highest_later(-rank);
  at::Tensor between = at::ones({1000});
  group.all_reduce(between, Reduce::sum);
  need(second() == 0 && first() == world - 1 && between[999].item<double>() == world, "highest_later");
  const auto text_of = [](int owner) {
    return owner == 1 ? std::string()
                      : std::string(static_cast<size_t>(owner) * 30'000, 'x') + '\0' + "é" + char('0' + owner);
  };
  const std::vector<std::string> texts = group.all_gather(text_of(rank));
  need(texts.size() == static_cast<size_t>(world), "a text of each rank");
  for (int owner = 0; owner < world; ++owner) need(texts[static_cast<size_t>(owner)] == text_of(owner), "texts");
  need(group.all_gather(std::string()) == std::vector<std::string>(static_cast<size_t>(world)), "empty texts");
}

// Every operation of both groups; argument "cuda": on a GPU.
const test::RankBody collectives("collectives", [](const test::RankPlace& place) {
  const launch::Ranks ranks = test::ranks_of(place);
  World world(ranks, test::meeting_of(place), place.patience);
  at::Device device = at::kCPU;
  if (place.argument == "cuda") {
    const device::Devices found = device::find_devices("cuda");
    const device::Device taken = device::take_device(found, found.shared ? 0 : own_gpu(world.group(), found.gpus));
    world.add_device(at::kCUDA, found.shared ? BackendMaker() : device::nccl_maker(taken, place.patience));
    device = taken.device;
  }
  for (const Group* group : {&world.group(), &world.plugins()}) {
    need(group->rank() == place.rank && group->world() == place.world, "the rank is the one it was given");
    reductions(*group, device);
    copies(*group, device);
    host_values(*group);
  }
  // What one group has under way does not meet what the other has.
  const auto later = world.group().highest_later(place.rank);
  need(world.plugins().highest(7 - place.rank) == 7 && later() == place.world - 1, "the groups are apart");
  say("collectives hold");
});

void all_hold(int world, const std::string& device = "") {
  for (const test::RankEnd& end : test::run_ranks(collectives, world, {}, device)) {
    CAPTURE(end.text);
    CHECK(end.exit == 0);
    CHECK_THAT(end.text, Contains("collectives hold"));
  }
}

}  // namespace

TEST_CASE("every operation of a group, over 1 to 4 processes") {
  const int world = GENERATE(1, 2, 3, 4);
  CAPTURE(world);
  all_hold(world);
}

TEST_CASE("every operation of a group on a GPU: over NCCL, and over gloo where two ranks share it") {
  if (device::ask_driver().gpus.empty() || !device::open_cuda_module().table) {
    WARN("this machine has no GPU that can be used");
    return;
  }
  const bool shared = GENERATE(false, true);
  CAPTURE(shared);
  shared ? setenv("SELFSUP_SHARE_GPU", "1", 1) : unsetenv("SELFSUP_SHARE_GPU");
  all_hold(shared ? 2 : 1, "cuda");
  unsetenv("SELFSUP_SHARE_GPU");
}

TEST_CASE("a rank that is killed ends the others' operations, with one line") {
  const size_t victim = GENERATE(0, 2);
  CAPTURE(victim);
  test::Port port;
  std::vector<test::RankProcess> ranks = start_ranks(loops, 3, port);
  for (test::RankProcess& rank : ranks) rank.read_until("looping");
  ranks[victim].signal(SIGKILL);
  const std::vector<test::RankEnd> ends = ends_of(ranks);
  for (size_t rank = 0; rank < 3; ++rank) {
    CAPTURE(rank, ends[rank].text);
    if (rank == victim) {
      CHECK(ends[rank].exit == 128 + SIGKILL);
      continue;
    }
    CHECK(ends[rank].exit == static_cast<int>(Exit::peer));
    CHECK_THAT(ends[rank].text, Contains("all_reduce with the other ranks failed: "));
  }
}

TEST_CASE("a rank that stands still ends the others' operations when their time is over") {
  test::Port port;
  test::RankPlace place;
  place.patience = std::chrono::seconds(15);
  std::vector<test::RankProcess> ranks = start_ranks(loops, 2, port, place);
  for (test::RankProcess& rank : ranks) rank.read_until("looping");
  ranks[1].signal(SIGSTOP);
  const test::RankEnd end = ranks[0].end();
  CAPTURE(end.text);
  CHECK(end.exit == static_cast<int>(Exit::peer));
  CHECK_THAT(end.text, Contains("all_reduce with the other ranks failed: "));
}

}  // namespace selfsup::distributed
