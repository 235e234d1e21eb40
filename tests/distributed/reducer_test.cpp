// c10d's Reducer between processes, against means that each rank computes by itself.
#include "distributed/reducer.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>
#include <stdexcept>

#include "base/errors.h"
#include "processes.h"
#include "rank_world.h"

namespace selfsup::distributed {
namespace {

using test::RankBody;
using test::RankPlace;
using test::RankWorld;
using test::run_ranks;
using test::Scratch;

void require(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}

// A convolution whose weight lies channels last, two matrices, and a bias that comes last but is used first.
struct Net {
  NamedParameters parameters;

  explicit Net(int rank = 0) {
    at::manual_seed(static_cast<uint64_t>(7 + rank));
    add("conv.weight", at::randn({6, 3, 3, 3}).contiguous(at::MemoryFormat::ChannelsLast));
    add("first.weight", at::randn({6, 40}));
    add("second.weight", at::randn({40, 5}));
    add("bias", at::randn({3, 1, 1}));
  }
  void add(const std::string& name, const at::Tensor& value) {
    parameters.emplace_back(name, value.set_requires_grad(true));
  }
  const at::Tensor& operator[](size_t i) const { return parameters[i].second; }
  void clear() {
    for (auto& [name, parameter] : parameters) parameter.mutable_grad().reset();
  }
  std::vector<at::Tensor> gradients() const {
    std::vector<at::Tensor> all;
    for (const auto& [name, parameter] : parameters)
      if (parameter.grad().defined()) all.push_back(parameter.grad());
    return all;
  }
  at::Tensor loss(const at::Tensor& x, bool second = true) const {
    const at::Tensor maps = at::conv2d(x + (*this)[3], (*this)[0]).mean({2, 3}).tanh().mm((*this)[1]);
    return second ? maps.tanh().mm((*this)[2]).square().mean() : maps.square().mean();
  }
};

// The mean over ranks of what each has, computed here, by a copy of rank 0's that no reducer knows.
std::vector<at::Tensor> means(int world, const std::function<at::Tensor(const Net& net, int rank)>& loss_of) {
  const Net net;
  for (int rank = 0; rank < world; ++rank) (loss_of(net, rank) / world).backward();
  return net.gradients();
}

at::Tensor input(int rank, int step, int micro = 0) {
  const at::Generator generator = at::detail::createCPUGenerator(static_cast<uint64_t>(100 * step + 10 * micro + rank));
  return at::randn({4, 3, 8, 8}, generator);
}

void check_close(const std::vector<at::Tensor>& got, const std::vector<at::Tensor>& want, double tolerance,
                 const std::string& when) {
  require(got.size() == want.size(), when + ": another number of gradients");
  for (size_t i = 0; i < got.size(); ++i)
    require(at::allclose(got[i], want[i], tolerance, tolerance),
            fmt::format("{}: gradient {} is off by {}", when, i, (got[i] - want[i]).abs().max().item<double>()));
}

void step(Reducer& reducer, const Net& net, const at::Tensor& x, bool second = true) {
  reducer.before_forward();
  const at::Tensor loss = net.loss(x, second);
  reducer.before_backward(loss);
  loss.backward();
  reducer.after_backward(net.gradients());
}

// Four steps of two batches each; the buckets are small, so that there are several.
const RankBody reduces("reduces", [](const RankPlace& place) {
  const RankWorld world(place);
  Net net(place.rank), same(0);
  const auto reducer = world.reducer(net.parameters, {.bucket_mb = 0.0005});
  for (size_t i = 0; i < net.parameters.size(); ++i)
    require(at::equal(net[i], same[i]) && net[i].strides() == same[i].strides(), "rank 0's values are not here");
  const Buckets before = reducer->buckets();
  Buckets rebuilt;
  for (int at = 0; at < 4; ++at) {
    const auto want = means(place.world, [&](const Net& copy, int rank) {
      return copy.loss(input(rank, at, 0)) + copy.loss(input(rank, at, 1));
    });
    net.loss(input(place.rank, at, 0)).backward();
    step(*reducer, net, input(place.rank, at, 1));
    check_close(net.gradients(), want, 1e-5, fmt::format("step {}", at));
    for (const at::Tensor& gradient : net.gradients()) {
      const at::Tensor all = world.group().all_gather(gradient.contiguous().view({1, -1}));
      for (int rank = 1; rank < place.world; ++rank) require(at::equal(all[0], all[rank]), "ranks have other means");
    }
    net.clear();
    reducer->after_update();
    if (at == 0) rebuilt = reducer->buckets();
  }
  require(before == Buckets{{0, 1, 2, 3}}, "not one bucket to begin with");
  require(rebuilt.size() > 1 && rebuilt.front().front() == 2 && rebuilt.back().back() == 3,
          "buckets are not in the order of gradients");
  require(reducer->buckets() == rebuilt, "rebuilt twice");

  // A run that asks for larger ones gets their order.
  const Net other;
  const auto larger = world.reducer(other.parameters);
  larger->take_buckets(rebuilt);
  Buckets joined(1);
  for (const auto& bucket : rebuilt) joined[0].insert(joined[0].end(), bucket.begin(), bucket.end());
  require(larger->buckets() == joined, "not the order of what it has taken");

  // A run that goes on from them has them from its first step, and keeps them.
  Net resumed;
  const auto next = world.reducer(resumed.parameters, {.bucket_mb = 0.0005});
  next->take_buckets(Buckets{{0, 1}, {1, 2, 3}});
  require(next->buckets() == before, "takes what is no order");
  next->take_buckets(rebuilt);
  for (int at = 0; at < 2; ++at) {
    require(next->buckets() == rebuilt, "does not keep what it has taken");
    const auto want = means(place.world, [&](const Net& copy, int rank) { return copy.loss(input(rank, at)); });
    step(*next, resumed, input(place.rank, at));
    check_close(resumed.gradients(), want, 1e-5, fmt::format("resumed, step {}", at));
    resumed.clear();
    next->after_update();
  }
});

// Sixteen parameters of 1 MiB each: an eighth of all is two of them, and the first bucket has 1 MiB.
const RankBody fits("fits", [](const RankPlace& place) {
  const RankWorld world(place);
  NamedParameters parameters;
  for (int i = 0; i < 16; ++i)
    parameters.emplace_back(fmt::format("p{}", i), at::zeros({1 << 18}).set_requires_grad(true));
  const auto reducer = world.reducer(parameters);
  reducer->before_forward();
  at::Tensor loss = at::zeros({});
  for (const auto& [name, parameter] : parameters) loss = loss + parameter.sum();
  reducer->before_backward(loss);
  loss.backward();
  for (auto& [name, parameter] : parameters) parameter.mutable_grad().reset();
  reducer->after_update();
  std::vector<size_t> sizes;
  for (const auto& bucket : reducer->buckets()) sizes.push_back(bucket.size());
  std::ranges::sort(sizes);
  require(sizes == std::vector<size_t>{1, 1, 2, 2, 2, 2, 2, 2, 2},
          fmt::format("buckets of {}", fmt::join(sizes, ", ")));
});

const RankBody compresses("compresses", [](const RankPlace& place) {
  const RankWorld world(place);
  Net net;
  const auto reducer = world.reducer(net.parameters, {.compress_bf16 = true});
  for (int at = 0; at < 3; ++at) {
    const auto want = means(place.world, [&](const Net& copy, int rank) { return copy.loss(input(rank, at)); });
    step(*reducer, net, input(place.rank, at));
    double scale = 0;
    for (const at::Tensor& mean : want) scale = std::max(scale, mean.abs().max().item<double>());
    for (size_t i = 0; i < want.size(); ++i) {
      const at::Tensor got = net.gradients()[i];
      require((got - want[i]).abs().max().item<double>() < 0.02 * scale, "too far from the mean");
      require(at::equal(got, got.to(at::kBFloat16).to(at::kFloat)), "not what bfloat16 can hold");
    }
    net.clear();
    reducer->after_update();
  }
});

// Rank 1 leaves a matrix out.
const RankBody leaves_out("leaves out", [](const RankPlace& place) {
  const RankWorld world(place);
  Net net;
  const auto reducer = world.reducer(net.parameters, {});
  step(*reducer, net, input(place.rank, 0));
  net.clear();
  reducer->after_update();
  step(*reducer, net, input(place.rank, 1), /*second=*/place.rank != 1);
});

// The same, allowed: first on rank 1, then on all.
const RankBody may_leave_out("may leave out", [](const RankPlace& place) {
  const RankWorld world(place);
  Net net;
  const auto reducer = world.reducer(net.parameters, {.find_unused_parameters = true, .bucket_mb = 0.0005});
  const Buckets buckets = reducer->buckets();
  require(buckets.size() > 1, "one bucket");
  for (int at = 0; at < 3; ++at) {
    const auto uses = [at](int rank) { return at == 0 || (at == 1 && rank != 1); };
    const auto want = means(
        place.world, [&](const Net& copy, int rank) { return copy.loss(input(rank, at), /*second=*/uses(rank)); });
    step(*reducer, net, input(place.rank, at), uses(place.rank));
    require(net[2].grad().defined() == (at < 2), "the gradient of what no rank uses");
    check_close(net.gradients(), want, 1e-5, fmt::format("step {}", at));
    net.clear();
    reducer->after_update();
  }
  require(reducer->buckets() == buckets, "rebuilt although the order may change");
});

const RankBody disagrees("disagrees", [](const RankPlace& place) {
  const RankWorld world(place);
  Net net;
  if (place.argument == "shape" && place.rank == 1) net.parameters[2].second = at::zeros({40, 6});
  if (place.argument == "layout" && place.rank == 1) net.parameters[0].second = net[0].detach().contiguous();
  if (place.argument == "number" && place.rank == 1) net.parameters.pop_back();
  for (auto& [name, parameter] : net.parameters) parameter.set_requires_grad(true);
  world.reducer(net.parameters, {});
});

}  // namespace

TEST_CASE("gradients are means over ranks, in buckets that are rebuilt once and may be taken over") {
  const int world = GENERATE(2, 3, 4);
  const Scratch scratch;
  CHECK(failures(run_ranks(reduces, world, scratch.path())) == "");
}

TEST_CASE("buckets are fitted to the gradients where nobody says how large they are") {
  const Scratch scratch;
  CHECK(failures(run_ranks(fits, 2, scratch.path())) == "");
}

TEST_CASE("gradients that travel as bfloat16 are means all the same") {
  const Scratch scratch;
  CHECK(failures(run_ranks(compresses, 3, scratch.path())) == "");
}

TEST_CASE("a gradient that one rank does not have is an error there, which names it and the remedy") {
  const Scratch scratch;
  const auto ends = run_ranks(leaves_out, 3, scratch.path());
  CHECK(ends[1].exit == static_cast<int>(Exit::usage));
  CHECK_THAT(ends[1].text, Catch::Contains("rank 1: the loss of this step does not depend on second.weight, ") &&
                               Catch::Contains("find_unused_parameters"));
  // The others wait for it until it is gone.
  for (const size_t rank : {0, 2}) {
    INFO(ends[rank].text);
    CHECK(ends[rank].exit != 0);
    CHECK(!ends[rank].cut_short);
  }
}

TEST_CASE("a gradient that some or all ranks do not have may be missing where that is allowed") {
  const Scratch scratch;
  CHECK(failures(run_ranks(may_leave_out, 3, scratch.path())) == "");
}

TEST_CASE("ranks with other parameters are refused, all with the first that differs") {
  const auto [what, text] = GENERATE(
      std::pair(std::string("shape"), std::string("parameter 2 is \"second.weight: Float [40, 5], strides [5, 1]\" on "
                                                  "rank 0, and \"second.weight: Float [40, 6]")),
      std::pair(std::string("layout"), std::string("conv.weight: Float [6, 3, 3, 3], strides [27, 1, 9, 3]")),
      std::pair(std::string("number"), std::string("and none: there are 3 on rank 1")));
  INFO(what);
  const Scratch scratch;
  for (const auto& end : run_ranks(disagrees, 2, scratch.path(), what)) {
    CHECK(end.exit == static_cast<int>(Exit::disagree));
    CHECK_THAT(end.text, Catch::Contains(text));
  }
}

}  // namespace selfsup::distributed
