// ssp.ops' grad, leaf and gradient.
#include "bridge/support/window.h"

namespace selfsup::bridge::testing {
namespace {

using Catch::Contains;

struct Graph {
  Host host;
  const ssp_ops& ops = extension<ssp_ops>(host, SSP_EXT_OPS);
  const at::Tensor x = at::tensor({1.0, 2.0, 3.0}).set_requires_grad(true),
                   unused = at::ones({2}).set_requires_grad(true);
  std::vector<ssp_tensor> held;
  Window window{host};
  ~Graph() {
    for (ssp_tensor t : held) release(t);
  }
  ssp_tensor hold(const at::Tensor& t) { return held.emplace_back(give(host, t)); }
  at::Tensor take(ssp_tensor t) {
    at::Tensor tensor = peek(t);
    release(t);
    return tensor;
  }
};

}  // namespace

TEST_CASE_METHOD(Graph, "grad gives derivatives and leaves no gradient behind") {
  const ssp_tensor out = hold((x * x).sum()), in = hold(x);
  ssp_tensor d{};
  REQUIRE(ops.grad(&out, 1, &in, 1, nullptr, 0, &d) == SSP_OK);
  CHECK(at::equal(take(d), 2 * x.detach()));
  CHECK_FALSE(x.grad().defined());
  CHECK(ops.grad(&out, 1, &in, 1, nullptr, 0, &d) == SSP_E_OP);  // the graph is gone
  CHECK_THAT(error_text(), Contains("grad: ") && Contains("second time"));
}

TEST_CASE_METHOD(Graph, "grad of a vector takes weights, the graph is kept or made anew on demand") {
  const ssp_tensor out = hold(x * x * x), in = hold(x), weights = hold(at::tensor({1.0, 0.0, 2.0}));
  ssp_tensor d{}, dd{};
  CHECK(ops.grad(&out, 1, &in, 1, nullptr, SSP_GRAD_RETAIN_GRAPH, &d) == SSP_E_OP);  // no scalar
  REQUIRE(ops.grad(&out, 1, &in, 1, &weights, SSP_GRAD_RETAIN_GRAPH, &d) == SSP_OK);
  CHECK(at::allclose(take(d), at::tensor({3.0, 0.0, 54.0})));
  REQUIRE(ops.grad(&out, 1, &in, 1, &weights, SSP_GRAD_CREATE_GRAPH, &d) == SSP_OK);
  const ssp_tensor slope = hold(peek(d).sum());
  release(d);
  REQUIRE(ops.grad(&slope, 1, &in, 1, nullptr, 0, &dd) == SSP_OK);
  CHECK(at::allclose(take(dd), at::tensor({6.0, 0.0, 36.0})));
}

TEST_CASE_METHOD(Graph, "an input without influence is an error, or none where that is allowed") {
  const ssp_tensor out = hold(x.sum()), ins[] = {hold(unused), hold(x)};
  ssp_tensor d[2]{};
  CHECK(ops.grad(&out, 1, ins, 2, nullptr, SSP_GRAD_RETAIN_GRAPH, d) == SSP_E_OP);
  REQUIRE(ops.grad(&out, 1, ins, 2, nullptr, SSP_GRAD_ALLOW_UNUSED, d) == SSP_OK);
  CHECK(d[0].id == 0);
  CHECK(at::equal(take(d[1]), at::ones({3}, at::kDouble).to(x.scalar_type())));
}

TEST_CASE_METHOD(Graph, "what grad cannot do is named") {
  const ssp_tensor out = hold(x.sum()), loose = hold(at::ones({})), in = hold(x), none{0};
  ssp_tensor d{};
  CHECK(ops.grad(&loose, 1, &in, 1, nullptr, 0, &d) == SSP_E_ARGUMENT);
  CHECK_THAT(error_text(), Contains("outputs[0] is part of no graph"));
  CHECK(ops.grad(&out, 1, &loose, 1, nullptr, 0, &d) == SSP_E_ARGUMENT);
  CHECK_THAT(error_text(), Contains("inputs[0] is part of no graph"));
  CHECK(ops.grad(&out, 1, &none, 1, nullptr, 0, &d) == SSP_E_HANDLE);
  CHECK_THAT(error_text(), Contains("inputs[0]"));
  CHECK(ops.grad(&out, 1, &in, 1, nullptr, 8, &d) == SSP_E_ARGUMENT);
  CHECK(ops.grad(&out, 0, &in, 1, nullptr, 0, &d) == SSP_E_ARGUMENT);
  host.state().phase = Phase::create;
  CHECK(ops.grad(&out, 1, &in, 1, nullptr, 0, &d) == SSP_E_PRECONDITION);
  host.state().phase = Phase::call;
}

TEST_CASE_METHOD(Graph, "a leaf takes gradients for values that require none, and shares no memory with them") {
  const ssp_tensor images = hold(at::tensor({1.0, 2.0})), labels = hold(at::zeros({2}, at::kLong));
  ssp_tensor leaf{}, d{};
  {
    const c10::NoGradGuard off;
    REQUIRE(ops.leaf(window.call(), images, &leaf) == SSP_OK);
  }
  held.push_back(leaf);
  const ssp_tensor out = hold((peek(leaf) * peek(leaf)).sum());
  REQUIRE(ops.grad(&out, 1, &leaf, 1, nullptr, 0, &d) == SSP_OK);
  CHECK(at::equal(take(d), 2 * peek(images)));
  CHECK_FALSE(peek(leaf).is_alias_of(peek(images)));
  CHECK_FALSE(peek(images).requires_grad());
  CHECK(ops.leaf(window.call(), labels, &leaf) == SSP_E_ARGUMENT);
  CHECK_THAT(error_text(), Contains("leaf: a tensor of i64 has no gradient"));
  CHECK(ops.leaf(nullptr, images, &leaf) == SSP_E_ARGUMENT);
}

TEST_CASE_METHOD(Graph, "gradient is for trained parameters, in its event") {
  model::ParameterStore store;
  model::Entry entry;
  entry.name = "weight";
  at::Tensor weight = store.declare(std::move(entry), {2}, at::kFloat).tensor;
  weight.fill_(1).set_requires_grad(true);
  host.state().declared.use(&store);
  const ssp_tensor w = hold(weight), other = hold(x);
  ssp_tensor g{};
  CHECK(ops.gradient(w, &g) == SSP_E_PRECONDITION);
  CHECK_THAT(error_text(), Contains("SSP_EVENT_GRADIENTS"));
  host.state().has_gradients = true;
  REQUIRE(ops.gradient(w, &g) == SSP_OK);
  CHECK(g.id == 0);
  weight.sum().backward();
  REQUIRE(ops.gradient(w, &g) == SSP_OK);
  peek(g).mul_(3);
  release(g);
  CHECK(weight.grad()[0].item<float>() == 3.0f);
  CHECK(ops.gradient(other, &g) == SSP_E_ARGUMENT);
  CHECK_THAT(error_text(), Contains("no trained parameter"));
  host.state().has_gradients = false;
  host.state().declared.use(nullptr);
}

}  // namespace selfsup::bridge::testing
