// ssp_nn.norm_act: wrong arguments are errors with the tensor's name, what is not fused is answered without a text, and
// nn::norm_act of the C++ layer comes to the same values and gradients either way.
#include <mutex>

#include "bridge/support/built.h"
#include "bridge/support/captured_log.h"
#include "ranks.h"
#include "ssp/cpp/norm_act.hpp"
#include "ssp/nn.h"

namespace selfsup::bridge::testing {
namespace {

using Catch::Contains;
using Act = ssp_nn_norm_act;

constexpr int64_t kRows = 40, kChannels = 16;

struct NormAct : Built {
  const ssp_nn& nn = extension<ssp_nn>(host, SSP_EXT_NN);
  std::optional<BuildWindow> build;
  std::optional<ssp::nn::BatchNorm> norm;
  std::optional<Window> window;
  at::Tensor leaf = at::randn({kRows, kChannels}).requires_grad_();

  NormAct() {
    {
      const plugin::Crossing crossing("test", "init");
      REQUIRE(ssp::detail::init(host.table()) == SSP_OK);
    }
    build.emplace(host, registry, "{}");
    norm.emplace(ssp::Scope(build->get()) / "bn", kChannels);
    build->store.allocate();
    build->store.initialise(3);
    fuse(true);
    window.emplace(host);
  }
  ssp_tensor handle(const at::Tensor& t) { return give(host, t); }
  ssp::Tensor tensor(const at::Tensor& t) { return ssp::Tensor(handle(t)); }
  ssp_tensor channels_last(int64_t n, int64_t channels) {
    return handle(at::randn({n, channels, 4, 4}).contiguous(at::MemoryFormat::ChannelsLast));
  }
  Act norm_act() {
    auto a = sized<Act>();
    a.x = channels_last(2, 16), a.residual = channels_last(2, 16);
    a.weight = handle(at::ones({16})), a.bias = handle(at::zeros({16}));
    a.mean = handle(at::zeros({16})), a.var = handle(at::ones({16})), a.count = handle(at::zeros({}, at::kLong));
    a.momentum = 0.1, a.eps = 1e-5, a.activation = SSP_NN_RELU;
    return a;
  }
  ssp_status run(const Act& a) {
    ssp_tensor y{0};
    const ssp_status status = nn.norm_act(window->call(), &a, &y);
    if (status == SSP_OK) release(y);
    return status;
  }

  // Changed in one place, the call is refused with these words.
  void refused(Act args, const std::string& words, const std::function<void(Act&)>& change) {
    change(args);
    set_error("");
    CHECK(run(args) == SSP_E_ARGUMENT);
    CHECK_THAT(error_text(), Contains(words));
  }
  // … or answered that it is not fused.
  void unsupported(Act args, const std::function<void(Act&)>& change) {
    change(args);
    set_error("before");
    CHECK(run(args) == SSP_E_UNSUPPORTED);
    CHECK(error_text() == "before");
  }

  // y and all gradients, then the running statistics, which began anew.
  std::vector<at::Tensor> run(const std::function<ssp::Tensor(const ssp::Tensor&, const ssp::Call&)>& f) {
    const auto state = [&](const char* name) { return build->store.find(name)->tensor; };
    state("bn.running_mean").zero_(), state("bn.running_var").fill_(1);
    leaf.mutable_grad() = at::Tensor();
    for (model::Entry* e : build->store.trained()) e->tensor.mutable_grad() = at::Tensor();
    const ssp::Call call(window->call(), kRows);
    const at::Tensor y = peek(f(tensor(leaf), call).handle());
    y.square().sum().backward();
    std::vector<at::Tensor> all = {y.detach(), leaf.grad().clone()};
    for (model::Entry* e : build->store.trained()) all.push_back(e->tensor.grad().clone());
    for (const char* name : {"bn.running_mean", "bn.running_var"}) all.push_back(state(name).clone());
    return all;
  }
};

}  // namespace

TEST_CASE_METHOD(NormAct, "nn.norm_act: what no host could run is refused by the tensor's name") {
  const Act a = norm_act();
  REQUIRE(run(a) == SSP_OK);
  CHECK(peek(a.count).item<int64_t>() == 1);
  const auto of = [&](std::vector<int64_t> sizes) { return handle(at::randn(sizes)); };
  refused(a, "x is [16]", [&](Act& t) { t.x = of({16}); });
  refused(a, "weight is [17], and must be [16], since x is [2, 16, 4, 4]", [&](Act& t) { t.weight = of({17}); });
  refused(a, "bias is [1]", [&](Act& t) { t.bias = of({1}); });
  refused(a, "mean is [4]", [&](Act& t) { t.mean = of({4}); });
  refused(a, "var is [4]", [&](Act& t) { t.var = of({4}); });
  refused(a, "come together", [&](Act& t) { t.var.id = 0; });
  refused(a, "count must be i64", [&](Act& t) { t.count = of({}); });
  refused(a, "residual is [1, 16, 4, 4]", [&](Act& t) { t.residual = channels_last(1, 16); });
  refused(a, "activation is 0", [&](Act& t) { t.activation = SSP_NN_GELU; });
  refused(a, "no sync 3", [&](Act& t) { t.sync = 3; });
  refused(a, "flags have SSP_NN_CAUSAL", [&](Act& t) { t.flags = SSP_NN_CAUSAL; });
  refused(a, "one value a channel in [1, 16]", [&](Act& t) { t.x = of({1, 16}), t.residual.id = 0; });
  CHECK(peek(a.count).item<int64_t>() == 1);
  ssp_tensor y{0};
  CHECK(nn.norm_act(nullptr, &a, &y) != SSP_OK);
}

TEST_CASE_METHOD(NormAct, "nn.norm_act: planar memory, other types, few channels and a run without it are not fused") {
  const CapturedLog log;
  const Act a = norm_act();
  const auto of = [&](std::vector<int64_t> sizes) { return handle(at::randn(sizes)); };
  unsupported(a, [&](Act& t) { t.x = of({2, 16, 4, 4}); });
  unsupported(a, [&](Act& t) { t.x = of({2, 16, 16}), t.residual.id = 0; });
  unsupported(a, [&](Act& t) { t.x = handle(peek(t.x).to(at::kDouble)); });
  unsupported(a, [&](Act& t) { t.x = handle(peek(t.x).to(at::kBFloat16)); });
  unsupported(a, [&](Act& t) { t.weight = handle(at::ones({16}, at::kBFloat16)); });
  unsupported(a, [&](Act& t) {
    t.x = channels_last(2, 8);
    t.weight.id = t.bias.id = t.mean.id = t.var.id = t.residual.id = 0;
  });
  unsupported(a, [&](Act& t) { t.activation = SSP_NN_NONE + 1; });
  unsupported(a, [&](Act& t) { t.flags = 1u << 1; });
  CHECK_THAT(log.text(), Contains("nn.norm_act: x does not lie in memory channels last"));
  fuse(false);
  unsupported(a, [](Act&) {});
  CHECK(peek(a.count).item<int64_t>() == 0);
  fuse(true);
  Act halves = a;
  for (ssp_tensor* t : {&halves.x, &halves.residual}) *t = handle(peek(*t).to(at::kBFloat16));
  CHECK(run(halves) == SSP_OK);
  CHECK(run(a) == SSP_OK);
}

TEST_CASE("nn.norm_act: statistics of several ranks are not fused, those of each rank are") {
  std::mutex checks;
  test::ThreadRanks(2).run([&](const distributed::Group& group) {
    const auto answered = [&](uint32_t sync, bool run_synchronises) {
      Host host;
      Environment environment;
      environment.group = &group, environment.sync_batch_norm = run_synchronises, environment.fused = true;
      host.set_environment(environment);
      Window window(host);
      auto a = sized<ssp_nn_norm_act>();
      a.x = give(host, at::randn({4, 16})), a.sync = sync, a.activation = SSP_NN_RELU;
      ssp_tensor y{0};
      const ssp_status status = extension<ssp_nn>(host, SSP_EXT_NN).norm_act(window.call(), &a, &y);
      release(a.x);
      if (status == SSP_OK) release(y);
      return status;
    };
    const ssp_status local = answered(SSP_SYNC_LOCAL, true), ranks = answered(SSP_SYNC_RANKS, false),
                     run = answered(SSP_SYNC_AS_RUN, true), alone = answered(SSP_SYNC_AS_RUN, false);
    const std::lock_guard lock(checks);
    CHECK(local == SSP_OK);
    CHECK(ranks == SSP_E_UNSUPPORTED);
    CHECK(run == SSP_E_UNSUPPORTED);
    CHECK(alone == SSP_OK);
  });
}

TEST_CASE_METHOD(NormAct, "nn::norm_act of the C++ layer comes to the same values and gradients, fused or not") {
  // The squares of what is normed alone have no slope.
  const at::Tensor residual = at::randn({kRows, kChannels}), factors = at::randn({kRows, kChannels});
  for (const bool relu : {true, false})
    for (const bool added : {true, false})
      for (const bool training : {true, false}) {
        const auto both = [&](const ssp::Tensor& x, const ssp::Call& call) {
          const ssp::Call own = training ? call : call.eval("eval");
          return ssp::nn::norm_act(*norm, x, own, added ? tensor(residual) : ssp::Tensor(), relu) * tensor(factors);
        };
        fuse(false);
        const std::vector<at::Tensor> single = run(both);
        fuse(true);
        const int64_t before = host.fused_calls();
        const std::vector<at::Tensor> fused = run(both);
        CHECK(host.fused_calls() == before + 1);
        REQUIRE(fused.size() == single.size());
        for (size_t i = 0; i < single.size(); ++i) {
          INFO("relu " << relu << ", residual " << added << ", training " << training << ", tensor " << i);
          CHECK((fused[i] - single[i]).norm().item<double>() <= 1e-5 * single[i].norm().item<double>());
        }
      }
  CHECK(build->store.find("bn.num_batches_tracked")->tensor.item<int64_t>() == 8);
}

}  // namespace selfsup::bridge::testing
