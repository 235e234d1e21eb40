// The SDK's C++ layer over the host's tables: numbers keep their kind, what is cached stays true, lengths are checked.
#include "bridge/support/window.h"
#include "ssp/cpp/autograd.hpp"
#include "ssp/cpp/batch.hpp"
#include "ssp/cpp/ema.hpp"
#include "ssp/cpp/modes.hpp"
#include "ssp/cpp/nn.hpp"
#include "ssp/cpp/ops.hpp"
#include "ssp/cpp/sample.hpp"

namespace selfsup::bridge::testing {
namespace {

using Catch::Contains;

struct Layer {
  Host host;
  Layer() {
    {
      const plugin::Crossing crossing("test", "init");
      REQUIRE(ssp::detail::init(host.table()) == SSP_OK);
    }
    window.emplace(host);
  }
  std::optional<Window> window;

  ssp::Tensor to_layer(const at::Tensor& t) { return ssp::Tensor(give(host, t)); }
  ssp::Call call() { return ssp::Call(window->call(), -1); }
};

bool same(const ssp::Tensor& mine, const at::Tensor& native) {
  const at::Tensor& t = peek(mine.handle());
  INFO(t.toString() << " against " << native.toString());
  return t.scalar_type() == native.scalar_type() && at::equal(t, native);
}

}  // namespace

TEST_CASE_METHOD(Layer, "numbers keep their kind: integer tensors stay so, as in ATen") {
  for (const at::ScalarType type : {at::kLong, at::kFloat}) {
    const at::Tensor native = at::tensor({-2, 1, 5}, at::kLong).to(type), mask = native > 0;
    const at::Tensor index = at::tensor({0, 2}, at::kLong);
    const ssp::Tensor x = to_layer(native), m = to_layer(mask), i = to_layer(index);
    CHECK(same(ssp::clamp(x, 0, 3), native.clamp(0, 3)));
    CHECK(same(ssp::clamp(x, {}, 3), native.clamp_max(3)));
    CHECK(same(ssp::clamp(x, 0.5), native.clamp(0.5)));
    CHECK(same(ssp::pow(x, 2), native.pow(2)));
    CHECK(same(x.pow(2), native.pow(2)));
    CHECK(same(x.pow(2.0), native.pow(2.0)));
    CHECK(same(ssp::full_like(x, 7), at::full_like(native, 7)));
    CHECK(same(ssp::masked_fill(x, m, 9), native.masked_fill(mask, 9)));
    CHECK(same(ssp::scatter(x, 0, i, 4), native.scatter(0, index, 4)));
    CHECK(same(x * 2, native * 2));
    CHECK(same(2.5 * x, native * 2.5));
    CHECK(same(1 - x, 1 - native));
    CHECK(same(1.5f - x, at::rsub(native, 1.5)));
    CHECK(same(ssp::remainder(x, 3), native.remainder(3)));
    CHECK(same(ssp::floor_divide(x, 2), native.div(2, "floor")));
    CHECK(same(x == 1, native == 1));

    const at::Tensor changed = native.clone();
    const ssp::Tensor y = to_layer(changed);
    const at::Tensor expected = native.clone();
    const ssp::NoGrad guard(call());
    y.mul_(2).add_(x).add_(x, 3).add_(1);
    expected.mul_(2).add_(native).add_(native, 3).add_(1);
    CHECK(same(y, expected));
    ssp::clamp_(y, 0, {});
    CHECK(same(y, expected.clamp_(0)));
    ssp::foreach_mul_(std::vector<ssp::Tensor>{y}, 2);
    CHECK(same(y, expected.mul_(2)));
    CHECK(same(y.fill_(3), expected.fill_(3)));
  }
  const int64_t large = (int64_t{1} << 60) + 1;  // no double holds it
  const ssp::Tensor like = to_layer(at::zeros({1}));
  CHECK(same(ssp::full({1}, large, like, ssp::i64), at::full({1}, large, at::kLong)));
  CHECK(same(ssp::full({1}, 2, like), at::full({1}, 2, at::kFloat)));
}

TEST_CASE_METHOD(Layer, "a tensor's sizes outlive its metadata, and its device is asked for each time") {
  at::Tensor native = at::zeros({1, 2, 3, 1, 2, 3, 2});
  const ssp::Tensor x = to_layer(native);
  const ssp::Ints sizes = x.sizes();
  CHECK_FALSE(x.is_cuda());
  native.set_data(at::zeros({7}));  // more than five sizes live outside of a tensor, and are freed here
  const std::vector<int64_t> reused(7, 99);
  CHECK(std::vector<int64_t>(sizes.begin(), sizes.end()) == std::vector<int64_t>{1, 2, 3, 1, 2, 3, 2});

  // A host whose tensors have moved to the GPU since their sizes were asked.
  static int32_t device_type;
  static const ssp_ops* real;
  real = ssp::detail::runtime.ops;
  ssp_ops moving = *real;
  moving.info = [](ssp_tensor t, ssp_tensor_info* out) {
    const ssp_status status = real->info(t, out);
    out->device_type = device_type;
    return status;
  };
  ssp::detail::runtime.ops = &moving;
  const ssp::Tensor parameter = to_layer(at::zeros({2}));
  device_type = SSP_DEVICE_CPU;
  CHECK(parameter.size(0) == 2);
  CHECK_FALSE(parameter.is_cuda());
  device_type = SSP_DEVICE_CUDA;
  CHECK(parameter.is_cuda());
  ssp::detail::runtime.ops = real;
}

TEST_CASE_METHOD(Layer, "a tensor that was given away has no sizes any more") {
  ssp::Tensor x = to_layer(at::zeros({2, 3}));
  CHECK(x.numel() == 6);
  ssp::Tensor y = std::move(x);
  CHECK_THROWS_WITH(x.dim(), Contains("the tensor handle is null"));
  CHECK_THROWS_WITH(x.numel(), Contains("the tensor handle is null"));
  CHECK(y.numel() == 6);
  release(y.release());
  CHECK_THROWS_WITH(y.numel(), Contains("the tensor handle is null"));
}

TEST_CASE_METHOD(Layer, "values and sizes that disagree are refused before anything is read") {
  static int calls;
  calls = 0;
  ssp_sample_api api{};
  api.set_field = [](ssp_sample*, ssp_str, int32_t, int32_t, const int64_t*, uint32_t, const void*) {
    ++calls;
    return ssp_status{SSP_OK};
  };
  const ssp::Sample sample(&api, nullptr);
  const std::vector<float> three = {1, 2, 3};
  CHECK_THROWS_WITH(sample.set_field("angle", three, {4}), Contains("set_field") && Contains("3 values"));
  CHECK_THROWS(sample.set_field("angle", three, {-1, -3}));
  CHECK_THROWS(sample.set_field("angle", three, {int64_t{1} << 62, 4, 3}));
  CHECK_THROWS(ssp::from_host(call(), three, {2}));
  CHECK(calls == 0);
  CHECK_NOTHROW(sample.set_field("angle", three, {3, 1}));
  CHECK_NOTHROW(sample.set_field("nothing", std::vector<float>{}, {0, 5}));
  CHECK(calls == 2);
}

TEST_CASE("the features asked for by name: the known ones, or the first") {
  const ssp_str asked[] = {text("cls"), text("mean")}, unknown[] = {text("maen")};
  CHECK(ssp::Names(nullptr, 0).among({"mean", "cls"}) == std::vector<std::string>{"mean"});
  CHECK(ssp::Names(asked, 2).among({"mean", "cls"}) == std::vector<std::string>{"cls", "mean"});
  CHECK_THROWS_WITH(ssp::Names(unknown, 1).among({"mean", "cls"}), Contains("\"maen\"") && Contains("mean, cls"));
}

TEST_CASE_METHOD(Layer, "changes in place are seen by every name of the tensor, as in PyTorch") {
  const at::Tensor native = at::tensor({1.0f, 2.0f});
  ssp::Tensor x = to_layer(native);
  const ssp::Tensor other = x;
  x += 1;
  x *= other;  // itself
  x -= to_layer(at::ones({2}));
  x /= 2;
  CHECK(same(other, at::tensor({1.5f, 4.0f})));
  CHECK(native.data_ptr() == peek(x.handle()).data_ptr());
  x = x + 1;
  CHECK(same(other, at::tensor({1.5f, 4.0f})));
  CHECK(same(x[1], at::tensor(5.0f).squeeze()));
  CHECK(same(x.norm(), peek(x.handle()).norm()));
}

TEST_CASE_METHOD(Layer, "numbers and booleans cross as they are") {
  CHECK(same(ssp::from_host(call(), std::vector<bool>{true, false, true}, {3}), at::tensor({1, 0, 1}).to(at::kBool)));
  CHECK(same(ssp::from_host(call(), 0.5), at::scalar_tensor(0.5f)));
  CHECK(to_layer(at::tensor({1, 0}).to(at::kBool)).to_vector<bool>() == std::vector<bool>{true, false});
  const ssp::Init flags = ssp::Init::data(std::vector<bool>{true, false}),
                  whole = ssp::Init::data(std::vector<int64_t>{7});
  CHECK(flags.raw().bytes == 2);
  CHECK(whole.raw().bytes == 8);
  CHECK(*static_cast<const int64_t*>(whole.raw().data) == 7);
}

TEST_CASE_METHOD(Layer, "gradients and autocast are switched for the length of a scope, and back") {
  const at::Tensor leaf = at::ones({2, 2}).requires_grad_();
  const ssp::Tensor x = to_layer(leaf);
  {
    const ssp::NoGrad off(call());
    CHECK_FALSE((x * 2).requires_grad());
    {
      const ssp::EnableGrad on(call());
      CHECK((x * 2).requires_grad());
    }
    CHECK_FALSE((x * 2).requires_grad());
  }
  {
    const ssp::Autocast low(call(), ssp::bf16);
    CHECK(ssp::matmul(x, x).dtype() == ssp::bf16);
    const ssp::AutocastOff off(call());
    CHECK(ssp::matmul(x, x).dtype() == ssp::f32);
  }
  CHECK(ssp::matmul(x, x).dtype() == ssp::f32);
}

TEST_CASE_METHOD(Layer, "grad: first and second derivatives, and inputs that nothing depends on") {
  const at::Tensor leaf = at::tensor({1.0f, 2.0f}).requires_grad_(), idle = at::ones({2}).requires_grad_();
  const ssp::Tensor x = to_layer(leaf), y = to_layer(idle);
  const ssp::Tensor cube = x.pow(3).sum();
  const std::vector<ssp::Tensor> first = ssp::grad({cube}, {x, y}, SSP_GRAD_CREATE_GRAPH | SSP_GRAD_ALLOW_UNUSED);
  CHECK(at::allclose(peek(first[0].handle()).detach(), at::tensor({3.0f, 12.0f})));
  CHECK(first[1].handle().id == 0);
  const std::vector<ssp::Tensor> second = ssp::grad({first[0]}, {x}, 0, {to_layer(at::ones({2}))});
  CHECK(at::allclose(peek(second[0].handle()), at::tensor({6.0f, 12.0f})));
  CHECK_FALSE(leaf.grad().defined());
  CHECK_THROWS_WITH(ssp::grad({cube}, {x}, 0, {cube, cube}), Contains("grad_outputs"));
  const ssp::Tensor pixels = ssp::leaf(to_layer(at::tensor({2.0f})), call());
  CHECK(ssp::grad({pixels.pow(2).sum()}, {pixels})[0].item() == 4.0);
}

TEST_CASE_METHOD(Layer, "an operator that the host does not offer leaves the one for each tensor") {
  auto& slot = ssp::detail::OpOf<ssp::aten::foreach_lerp_>::slot;
  const ssp_op kept = slot.op;
  REQUIRE(kept);
  for (const ssp_op op : {kept, ssp_op{nullptr}}) {
    slot.op = op;
    const at::Tensor a = at::zeros({2}), b = at::ones({3});
    const ssp::NoGrad guard(call());
    ssp::foreach_lerp_({to_layer(a), to_layer(b)}, {to_layer(at::ones({2})), to_layer(at::zeros({3}))}, 0.25);
    CHECK(at::equal(a, at::full({2}, 0.25f)));
    CHECK(at::equal(b, at::full({3}, 0.75f)));
  }
  slot.op = kept;
}

TEST_CASE_METHOD(Layer, "matrices with rows of given length, as torch's weight_norm") {
  const at::Tensor v = at::randn({4, 3}), g = at::rand({4, 1});
  CHECK(at::allclose(peek(ssp::weight_norm(to_layer(v), to_layer(g)).handle()), at::_weight_norm(v, g, 0)));
}

}  // namespace selfsup::bridge::testing
