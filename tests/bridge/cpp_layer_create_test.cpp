// The SDK's C++ layer inside create: paths of scopes, marks, momentum twins.
#include <set>

#include "bridge/support/built.h"
#include "ssp/cpp/ema.hpp"
#include "ssp/cpp/nn.hpp"
#include "ssp/cpp/ops.hpp"

namespace selfsup::bridge::testing {
namespace {

using Catch::Contains;

struct Create : Built {
  Create() {
    const plugin::Crossing crossing("test", "init");
    REQUIRE(ssp::detail::init(host.table()) == SSP_OK);
  }
};

}  // namespace

TEST_CASE_METHOD(Create, "a scope knows where it lies, and drop paths take their site from it") {
  BuildWindow w(host, registry, "{}");
  const ssp::Scope root(w.get());
  CHECK((root / "layers" / 3).path() == "layers.3");
  const ssp::Scope teacher = root.child(ssp::ChildSpec("teacher", "")) / "neck";
  CHECK(teacher.path() == "teacher.neck");
  const ssp::nn::Block block(teacher / "block", 8, 2, 16, 1e-6, true, 0.1);
  CHECK(block.drop_attn.site == "teacher.neck.block.drop_attn");
  CHECK(block.drop_ffn.site == "teacher.neck.block.drop_ffn");
  CHECK_THROWS_WITH(ssp::nn::DropPath(root, 0.5), Contains("scope of its own"));
  CHECK(ssp::nn::DropPath(root, 0).rate == 0);
}

TEST_CASE_METHOD(Create, "a block from a token on gives those tokens as the whole block does, and the same gradients") {
  BuildWindow w(host, registry, "{}");
  const ssp::nn::Block block(ssp::Scope(w.get()), 8, 2, 16);
  w.store.allocate();
  w.store.initialise(1);
  const int64_t L = 5;
  at::Tensor leaf = at::randn({3, L, 8}).requires_grad_();
  Window window(host);
  const ssp::Call call(window.call(), -1);
  const ssp::Tensor x(give(host, leaf));
  const at::Tensor mask = at::randn({1, 2, L, L});
  const auto gradients = [&](const at::Tensor& y) {
    leaf.mutable_grad() = at::Tensor();
    y.square().sum().backward();
    return leaf.grad().clone();
  };
  for (const int64_t from : {0, 2, 4}) {
    const at::Tensor whole = peek(block(x, call, ssp::Tensor(give(host, mask))).handle()).slice(1, from);
    const at::Tensor part = peek(block(x, call, ssp::Tensor(give(host, mask.slice(2, from))), from).handle());
    REQUIRE(part.sizes() == at::IntArrayRef({3, L - from, 8}));
    CHECK(at::allclose(part, whole, 1e-5, 1e-6));
    CHECK(at::allclose(gradients(part), gradients(whole), 1e-4, 1e-5));
  }
  for (const int64_t from : {int64_t{-1}, L})
    CHECK_THROWS_WITH(block(x, call, {}, from), Contains("token " + std::to_string(from)) && Contains("5 tokens"));
}

TEST_CASE_METHOD(Create, "every drop path of a network drops samples of its own") {
  BuildWindow w(host, registry, "{}");
  const ssp::Scope root(w.get());
  const std::vector<ssp::nn::DropPath> drops = {
      {root / "layers" / 0 / "drop", 0.5}, {root / "layers" / 1 / "drop", 0.5}, {root / "drop", 0.5}};
  Window window(host, {}, 64, at::arange(64));
  const ssp::Call call(window.call(), 64);
  std::set<std::vector<float>> seen;
  for (const ssp::nn::DropPath& drop : drops) {
    const at::Tensor y = peek(drop(ssp::Tensor(give(host, at::ones({64, 2}))), call).handle()).contiguous();
    for (int64_t row = 0; row < 64; ++row) {
      CHECK((y[row][0].item<float>() == 0 || y[row][0].item<float>() == 2));
      CHECK(y[row][1].item<float>() == y[row][0].item<float>());
    }
    seen.emplace(y.const_data_ptr<float>(), y.const_data_ptr<float>() + y.numel());
  }
  CHECK(seen.size() == drops.size());
}

TEST_CASE_METHOD(Create, "a mark and new initial values reach what is below the scope, and nothing beside it") {
  BuildWindow w(host, registry, "{}");
  const ssp::Scope root(w.get());
  for (const char* name : {"a", "a.b", "c"}) (root / name).parameter("weight", {2}, ssp::Init::ones());
  (root / "a").mark("weight", SSP_PARAM_FROZEN, SSP_ROLE_NORM);
  (root / "a").reinit("b.weight", ssp::Init::zeros());
  CHECK(w.store.find("a.weight")->kind == model::Kind::frozen);
  CHECK(w.store.find("a.b.weight")->kind == model::Kind::frozen);
  CHECK(w.store.find("a.b.weight")->roles == SSP_ROLE_NORM);
  CHECK(w.store.find("c.weight")->kind == model::Kind::parameter);
  w.store.initialise(0);
  CHECK(w.store.find("a.b.weight")->tensor.sum().item<float>() == 0);
  CHECK(w.store.find("a.weight")->tensor.sum().item<float>() == 2);
  CHECK_THROWS((root / "c").mark("bias", SSP_PARAM_FROZEN, 0));
}

TEST_CASE_METHOD(Create, "given values must be of the tensor's type") {
  BuildWindow w(host, registry, "{}");
  const ssp::Scope root(w.get());
  CHECK_THROWS_WITH(root.buffer("count", {1}, ssp::Init::data({1}), ssp::i64), Contains("count"));
  root.buffer("place", {2}, ssp::Init::data(std::vector<int64_t>{3, 4}), ssp::i64);
  root.buffer("used", {2}, ssp::Init::data(std::vector<bool>{true, false}), ssp::boolean);
  w.store.initialise(0);
  CHECK(at::equal(w.store.find("place")->tensor, at::tensor({3, 4}, at::kLong)));
  CHECK(at::equal(w.store.find("used")->tensor, at::tensor({1, 0}).to(at::kBool)));
}

TEST_CASE_METHOD(Create, "a momentum twin pairs every tensor of both sides, or says which has none") {
  BuildWindow w(host, registry, "{}");
  const ssp::Scope root(w.get());
  const auto network = [](const ssp::Scope& s, bool frozen) {
    if (frozen)
      s.frozen("weight", {1}, ssp::Init::zeros());
    else
      s.parameter("weight", {1}, ssp::Init::constant(4));
    s.buffer("mean", {1}, ssp::Init::constant(frozen ? 0 : 8));
    s.buffer("count", {}, ssp::Init::constant(frozen ? 0 : 16), ssp::i64);
  };
  network(root / "net", false);
  CHECK_THROWS_WITH(ssp::Ema(root, {"nte"}, "twin"), Contains("nothing is declared below \"nte\""));
  CHECK_THROWS_WITH(ssp::Ema(root, {"net"}, "twin"), Contains("net.weight has no twin twin.net.weight"));
  network(root / "twin" / "net", true);
  (root / "fixed").frozen("weight", {1}, ssp::Init::constant(3));
  (root / "twin" / "fixed").frozen("weight", {1}, ssp::Init::zeros());
  const ssp::Ema still(root, {"fixed"}, "twin"), nothing(root, {}, "twin");
  const ssp::Ema copied(root, {"net"}, "twin"), averaged(root, {"net"}, "twin", ssp::Buffers::averaged);
  w.store.initialise(0);
  {
    Window window(host);
    const ssp::Call call(window.call(), -1);
    const auto twin = [&](const char* name) { return w.store.find(std::string("twin.net.") + name)->tensor; };
    averaged.move(call, 0.5);
    CHECK(twin("weight").item<float>() == 2);
    CHECK(twin("mean").item<float>() == 4);
    CHECK(twin("count").item<int64_t>() == 16);
    copied.move(call, 0.5);
    CHECK(twin("weight").item<float>() == 3);
    CHECK(twin("mean").item<float>() == 8);
    copied.copy(call);
    CHECK(twin("weight").item<float>() == 4);
    // Nothing that moves, and nothing at all.
    still.move(call, 0.5);
    CHECK(w.store.find("twin.fixed.weight")->tensor.item<float>() == 3);
    still.copy(call);
    nothing.move(call, 0.5);
    nothing.copy(call);
  }
  host.state().phase = Phase::create;
  (root / "twin" / "net").frozen("more", {1}, ssp::Init::zeros());
  CHECK_THROWS_WITH(ssp::Ema(root, {"net"}, "twin"), Contains("twin.net.more is no twin of anything"));
}

}  // namespace selfsup::bridge::testing
