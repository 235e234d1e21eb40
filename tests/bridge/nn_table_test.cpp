// The table "ssp.nn": wrong arguments are errors with the tensor's name, what is not fused is answered without a text,
// and the C++ layer's blocks come to the same values and gradients either way.
#include <ATen/autocast_mode.h>
#include <fmt/format.h>

#include "base/log.h"
#include "bridge/support/built.h"
#include "bridge/support/captured_log.h"
#include "ssp/cpp/nn.hpp"
#include "ssp/cpp/ops.hpp"
#include "ssp/nn.h"

namespace selfsup::bridge::testing {
namespace {

using Catch::Contains;

constexpr int64_t B = 3, L = 5, D = 16, F = 24, H = 4;

struct Nn : Built {
  const ssp_nn& nn = extension<ssp_nn>(host, SSP_EXT_NN);
  std::optional<Window> window;
  at::Tensor x = at::randn({B, L, D});
  std::vector<at::Tensor> tensors;

  Nn() {
    {
      const plugin::Crossing crossing("test", "init");
      REQUIRE(ssp::detail::init(host.table()) == SSP_OK);
    }
    fuse(true);
    window.emplace(host);
  }

  ssp_tensor handle(const at::Tensor& t) { return give(host, t); }
  ssp_nn_linear linear(int64_t out, int64_t in) { return {handle(at::randn({out, in})), handle(at::randn({out}))}; }
  ssp_nn_norm norm() { return {handle(at::ones({D})), handle(at::zeros({D})), 1e-6}; }
  ssp_nn_attention attention() {
    auto a = sized<ssp_nn_attention>();
    a.x = handle(x), a.norm = norm(), a.qkv = linear(3 * D, D), a.proj = linear(D, D), a.heads = H;
    return a;
  }
  ssp_nn_mlp mlp() {
    auto a = sized<ssp_nn_mlp>();
    a.x = handle(x), a.norm = norm(), a.up = linear(F, D), a.down = linear(D, F);
    return a;
  }
  ssp_nn_packed packed() {
    auto a = sized<ssp_nn_packed>();
    a.qkv = handle(at::randn({B, L, 3, H, D / H}));
    return a;
  }
  ssp_status run(const ssp_nn_attention& a) { return release_of(nn.attention(&a, &y), y); }
  ssp_status run(const ssp_nn_mlp& a) { return release_of(nn.mlp(&a, &y), y); }
  ssp_status run(const ssp_nn_packed& a) { return release_of(nn.packed_attention(&a, &y), y); }

  // Changed in one place, the call is refused with these words.
  template <class Args>
  void refused(Args args, const std::string& words, const std::function<void(Args&)>& change) {
    change(args);
    set_error("");
    CHECK(run(args) == SSP_E_ARGUMENT);
    CHECK_THAT(error_text(), Contains(words));
  }
  // … or answered that it is not fused.
  template <class Args>
  void unsupported(Args args, const std::function<void(Args&)>& change) {
    change(args);
    set_error("before");
    CHECK(run(args) == SSP_E_UNSUPPORTED);
    CHECK(error_text() == "before");
  }

 private:
  static ssp_status release_of(ssp_status status, ssp_tensor y) {
    if (status == SSP_OK) release(y);
    return status;
  }
  ssp_tensor y{0};
};

using A = ssp_nn_attention;
using M = ssp_nn_mlp;
using P = ssp_nn_packed;

}  // namespace

TEST_CASE_METHOD(Nn, "nn: what no host could run is refused by the tensor's name") {
  REQUIRE(run(attention()) == SSP_OK);
  REQUIRE(run(mlp()) == SSP_OK);
  REQUIRE(run(packed()) == SSP_OK);
  const auto of = [&](std::vector<int64_t> sizes) { return handle(at::randn(sizes)); };
  const A a = attention();
  A without_x = a;
  without_x.x.id = 0;
  CHECK(run(without_x) == SSP_E_HANDLE);
  CHECK_THAT(error_text(), Contains("nn.attention: x is none"));
  refused<A>(a, "x is [5, 16], and must be [B, L, D]", [&](A& t) { t.x = of({L, D}); });
  refused<A>(a, "heads is 3, which does not divide the width 16 of x", [&](A& t) { t.heads = 3; });
  refused<A>(a, "heads is 0", [&](A& t) { t.heads = 0; });
  refused<A>(a, "from is 5; of 5 tokens it must be 0 to 4", [&](A& t) { t.from = L; });
  refused<A>(a, "from is -1", [&](A& t) { t.from = -1; });
  refused<A>(a, "norm.weight is [17], and must be [16], since x is [3, 5, 16]",
             [&](A& t) { t.norm.weight = of({D + 1}); });
  refused<A>(a, "norm.bias is [1]", [&](A& t) { t.norm.bias = of({1}); });
  refused<A>(a, "norm.eps is -1", [&](A& t) { t.norm.eps = -1; });
  refused<A>(a, "qkv.weight is [16, 48], and must be [48, 16]", [&](A& t) { t.qkv.weight = of({D, 3 * D}); });
  refused<A>(a, "qkv.weight is none", [&](A& t) { t.qkv.weight.id = 0; });
  refused<A>(a, "qkv.bias is [16]", [&](A& t) { t.qkv.bias = of({D}); });
  refused<A>(a, "proj.weight is [16]", [&](A& t) { t.proj.weight = of({D}); });
  refused<A>(a, "keep is [4], and must be [3]", [&](A& t) { t.keep = of({B + 1}); });
  refused<A>(a, "layer_scale is [1]", [&](A& t) { t.layer_scale = of({1}); });
  refused<A>(a, "bias is [4, 5, 6], which does not broadcast to [3, 4, 5, 5]", [&](A& t) {
    t.bias = of({H, L, L + 1});
  });
  refused<A>(a, "does not broadcast to [3, 4, 3, 5]", [&](A& t) { t.from = 2, t.bias = of({L, L}); });
  refused<A>(a, "scale is nan", [&](A& t) { t.scale = NAN; });
  refused<A>(a, "there is no token", [&](A& t) { t.x = of({B, 0, D}); });
  refused<A>(a, "not even x is in it", [&](A& t) { t.struct_size = 8; });
  refused<A>(a, "struct_size is 16", [&](A& t) { t.struct_size = 16; });
  const M m = mlp();
  refused<M>(m, "x is [16]", [&](M& t) { t.x = of({D}); });
  refused<M>(m, "up.weight is [24, 17]", [&](M& t) { t.up.weight = of({F, D + 1}); });
  refused<M>(m, "up.weight is [24]", [&](M& t) { t.up.weight = of({F}); });
  refused<M>(m, "down.weight is [24, 16], and must be [16, 24]", [&](M& t) { t.down.weight = of({F, D}); });
  refused<M>(m, "down.bias is [24]", [&](M& t) { t.down.bias = of({F}); });
  refused<M>(m, "activation is none", [&](M& t) { t.activation = SSP_NN_NONE; });
  refused<M>(m, "flags have SSP_NN_CAUSAL", [&](M& t) { t.flags = SSP_NN_CAUSAL; });
  refused<P>(packed(), "qkv is [3, 5, 2, 4, 4]", [&](P& t) { t.qkv = of({B, L, 2, H, 4}); });
  refused<P>(packed(), "from is 9", [&](P& t) { t.from = 9; });
  refused<P>(packed(), "bias is [2, 5, 5]", [&](P& t) { t.bias = of({2, L, L}); });
  CHECK(nn.mlp(&m, nullptr) == SSP_E_ARGUMENT);
  ssp_tensor y{0};
  CHECK(nn.mlp(nullptr, &y) == SSP_E_ARGUMENT);
  CHECK_THAT(error_text(), Contains("nn.mlp: the argument is null"));
  CHECK(y.id == 0);
  const ssp_tensor gone = of({D});
  release(gone);
  A stale = a;
  stale.layer_scale = gone;
  CHECK(run(stale) == SSP_E_HANDLE);
  CHECK_THAT(error_text(), Contains("layer_scale"));
}

TEST_CASE_METHOD(Nn, "nn: what is not fused is answered so, without a text, and logged once with its reason") {
  const CapturedLog log;
  const A a = attention();
  const auto as = [&](at::ScalarType type) { return handle(x.to(type)); };
  unsupported<A>(a, [&](A& t) { t.x = as(at::kDouble); });
  unsupported<A>(a, [&](A& t) { t.x = as(at::kDouble); });
  unsupported<A>(a, [&](A& t) { t.x = as(at::kBFloat16); });
  unsupported<A>(a, [&](A& t) { t.qkv.weight = handle(at::randn({3 * D, D}, at::kDouble)); });
  unsupported<A>(a, [&](A& t) { t.bias = handle(at::ones({L, L}, at::kBool)); });
  unsupported<A>(a, [&](A& t) { t.x = handle(at::randn({0, L, D})); });
  unsupported<A>(a, [&](A& t) { t.x = handle(at::randn({1, 1025, D})); });
  unsupported<M>(mlp(), [&](M& t) { t.x = as(at::kHalf); });
  unsupported<P>(packed(), [&](P& t) { t.qkv = handle(at::randn({B, L, 3, H, 4}).to(at::kHalf)); });
  {
    at::autocast::set_autocast_dtype(at::kCPU, at::kHalf);
    at::autocast::set_autocast_enabled(at::kCPU, true);
    unsupported<A>(a, [](A&) {});
    unsupported<M>(mlp(), [](M&) {});
    unsupported<P>(packed(), [](P&) {});
    at::autocast::set_autocast_enabled(at::kCPU, false);
    at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
  }
  CHECK_THAT(log.text(), Contains("nn.attention: autocast to f16"));
  CHECK_THAT(log.text(), Contains("nn.attention: a tensor is f64, and f32 is what is fused"));
  const std::string text = log.text();
  CHECK(text.find("is f64", text.find("is f64") + 1) == text.npos);

  // A newer plugin's argument: flags and activations of later headers; what is beyond this host's struct is 0, or asks
  // for what it does not know. Hints are ignored.
  unsupported<A>(a, [&](A& t) { t.flags = 1u << 1; });
  unsupported<P>(packed(), [&](P& t) { t.flags = 1u << 15; });
  unsupported<M>(mlp(), [&](M& t) { t.activation = SSP_NN_NONE + 1; });
  unsupported<M>(mlp(), [&](M& t) { t.reserved = 1; });
  A hinted = a;
  hinted.flags = 1u << 31;
  CHECK(run(hinted) == SSP_OK);
  struct Newer {
    ssp_nn_mlp known;
    uint64_t more[2];
  } newer = {mlp(), {0, 0}};
  newer.known.struct_size = sizeof newer;
  CHECK(run(newer.known) == SSP_OK);
  newer.more[1] = 7;
  CHECK(run(newer.known) == SSP_E_UNSUPPORTED);
  newer.known.struct_size = 1 << 20;
  CHECK(run(newer.known) == SSP_E_ARGUMENT);

  const int64_t before = host.fused_calls();
  CHECK(run(a) == SSP_OK);
  CHECK(host.fused_calls() == before + 1);
  fuse(false);
  unsupported<A>(a, [](A&) {});
  unsupported<M>(mlp(), [](M&) {});
  unsupported<P>(packed(), [](P&) {});
  CHECK(host.fused_calls() == before + 1);
  fuse(true);
}

TEST_CASE_METHOD(Nn, "nn: only on the thread of the call, and only while one is in progress") {
  const M m = mlp();
  ssp_status elsewhere = SSP_OK;
  std::thread([&] { elsewhere = run(m); }).join();
  CHECK(elsewhere == SSP_E_PRECONDITION);
  window.reset();
  CHECK(run(m) == SSP_E_PRECONDITION);
}

namespace {

struct Layers : Built {
  std::optional<BuildWindow> build;
  std::optional<Window> window;
  std::optional<ssp::nn::Block> block;
  at::Tensor leaf;
  std::optional<CapturedLog> log;

  Layers() {
    {
      const plugin::Crossing crossing("test", "init");
      REQUIRE(ssp::detail::init(host.table()) == SSP_OK);
    }
    build.emplace(host, registry, "{}");
    block.emplace(ssp::Scope(build->get()), D, H, F, 1e-6, true, 0.5);
    build->store.allocate();
    build->store.initialise(3);
    leaf = at::randn({8, L, D}).requires_grad_();
    window.emplace(host, Step{}, 8, at::arange(8));
  }
  ssp::Tensor tensor(const at::Tensor& t) { return ssp::Tensor(give(host, t)); }

  // The result and all gradients.
  std::vector<at::Tensor> run(const std::function<ssp::Tensor(const ssp::Tensor&, const ssp::Call&)>& f) {
    window.reset();
    window.emplace(host, Step{}, 8, at::arange(8));
    leaf.mutable_grad() = at::Tensor();
    for (model::Entry* e : build->store.trained()) e->tensor.mutable_grad() = at::Tensor();
    const ssp::Call call(window->call(), 8);
    const ssp::Tensor x = tensor(leaf);
    const at::Tensor y = peek(f(x, call).handle());
    y.to(at::kFloat).square().sum().backward();
    std::vector<at::Tensor> all = {y.detach().to(at::kFloat), leaf.grad().clone()};
    for (model::Entry* e : build->store.trained())
      if (e->tensor.grad().defined()) all.push_back(e->tensor.grad().clone());
    return all;
  }
  void same_both_ways(const std::function<ssp::Tensor(const ssp::Tensor&, const ssp::Call&)>& f, double close = 1e-5) {
    fuse(false);
    const std::vector<at::Tensor> single = run(f);
    const int64_t before = host.fused_calls();
    fuse(true);
    const std::vector<at::Tensor> fused = run(f);
    CHECK(host.fused_calls() > before);
    REQUIRE(fused.size() == single.size());
    for (size_t i = 0; i < single.size(); ++i) {
      INFO("tensor " << i);
      CHECK((fused[i] - single[i]).norm().item<double>() <= close * single[i].norm().item<double>());
    }
  }
};

}  // namespace

TEST_CASE_METHOD(Layers, "blocks of the C++ layer come to the same values and gradients, fused or not") {
  using namespace ssp::nn;
  const Block& b = *block;
  same_both_ways([&](const ssp::Tensor& x, const ssp::Call& call) { return b(x, call); });
  const at::Tensor mask = at::randn({1, H, L - 2, L});
  same_both_ways([&](const ssp::Tensor& x, const ssp::Call& call) { return b(x, call, tensor(mask), 2); });
  same_both_ways([&](const ssp::Tensor& x, const ssp::Call&) { return b.attn(x, tensor(mask), 2); });
  const at::Tensor scale = at::rand({D}), logits = at::randn({L, L}), columns = at::randn({8, 8});
  for (const bool causal : {false, true})
    for (const int64_t from : {0, 3})
      same_both_ways([&](const ssp::Tensor& x, const ssp::Call&) {
        AttentionOptions o;
        o.heads = H, o.from = from, o.causal = causal, o.layer_scale = tensor(scale), o.scale = 0.4;
        o.mask = tensor(logits.slice(0, from)), o.recompute = causal;
        return attention_half(x, b.ln1, b.attn.qkv, b.attn.proj, o);
      });
  same_both_ways([&](const ssp::Tensor& x, const ssp::Call&) {  // neither x nor the mask lie row by row
    AttentionOptions o;
    o.heads = H, o.mask = tensor(columns.t());
    const ssp::Tensor turned = x.permute({1, 0, 2});
    return mlp_half(attention_half(turned, b.ln1, b.attn.qkv, b.attn.proj, o), b.ln2, b.ffn.fc1, b.ffn.fc2);
  });
  for (const Activation act : {Activation::gelu, Activation::gelu_tanh, Activation::silu, Activation::relu})
    same_both_ways([&](const ssp::Tensor& x, const ssp::Call&) {
      MlpOptions o;
      o.activation = act, o.layer_scale = tensor(scale);
      return mlp_half(x, b.ln2, b.ffn.fc1, b.ffn.fc2, o);
    });
}

TEST_CASE_METHOD(Layers, "a block that is not fused runs in single operators: a boolean mask") {
  fuse(true);
  const int64_t before = host.fused_calls();
  const at::Tensor seen = at::ones({L, L}, at::kBool).tril();
  const auto masked = run([&](const ssp::Tensor& x, const ssp::Call& call) { return (*block)(x, call, tensor(seen)); });
  CHECK(host.fused_calls() == before + 1);  // the MLP
  const at::Tensor hidden = at::zeros({L, L}).masked_fill(seen.logical_not(), -INFINITY);
  const auto added =
      run([&](const ssp::Tensor& x, const ssp::Call& call) { return (*block)(x, call, tensor(hidden)); });
  for (size_t i = 0; i < added.size(); ++i) CHECK(at::allclose(masked[i], added[i], 1e-4, 1e-5));
}

TEST_CASE_METHOD(Layers, "a query that sees no token gets 0 of the attention, fused or not") {
  at::Tensor hidden = at::zeros({1, 1, L, L});
  hidden.select(2, 1).fill_(-INFINITY);
  const auto masked = [&](const ssp::Tensor& x, const ssp::Call& call) { return (*block)(x, call, tensor(hidden)); };
  same_both_ways(masked);
  for (const bool yes : {false, true}) {
    fuse(yes);
    for (const at::Tensor& t : run(masked)) CHECK(t.isfinite().all().item<bool>());
  }
}

TEST_CASE_METHOD(Layers, "heads that do not divide the width are an error that says so, fused or not") {
  for (const bool yes : {false, true})
    for (const int64_t heads : {0, 3, -4}) {
      fuse(yes);
      ssp::nn::AttentionOptions o;
      o.heads = heads;
      const auto attend = [&] {
        ssp::nn::attention_half(tensor(leaf), block->ln1, block->attn.qkv, block->attn.proj, o);
      };
      CHECK_THROWS_WITH(attend(), Contains(fmt::format("16 channels cannot have {} heads", heads)));
    }
}

TEST_CASE_METHOD(Layers, "under autocast both ways read bf16") {
  at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
  at::autocast::set_autocast_enabled(at::kCPU, true);
  same_both_ways([&](const ssp::Tensor& x, const ssp::Call& call) { return (*block)(x, call); }, 0.02);
  same_both_ways([&](const ssp::Tensor& x, const ssp::Call&) { return block->attn(x); }, 0.02);
  fuse(true);
  run([&](const ssp::Tensor& x, const ssp::Call& call) {
    const ssp::Tensor y = (*block)(x, call);
    CHECK(y.dtype() == ssp::f32);
    return y;
  });
  at::autocast::set_autocast_enabled(at::kCPU, false);
  at::autocast::clear_cache();
}

}  // namespace selfsup::bridge::testing
