// Parameters that lie channels-last: which, with what values, and that their identity and what follows them stay.
#include "model/memory_format.h"

#include <ATen/ATen.h>

#include <catch2/catch.hpp>

namespace selfsup::model {
namespace {

void declare(ParameterStore& store, const std::string& name, Kind kind, at::IntArrayRef sizes, InitSpec init) {
  Entry e;
  e.name = name;
  e.kind = kind;
  e.init = std::move(init);
  store.declare(std::move(e), sizes, at::kFloat);
}

// A convolution's weight by rule and one by data, a matrix, a buffer of four dimensions.
void declare_all(ParameterStore& store) {
  InitSpec rule, data;
  rule.kind = InitKind::kaiming_normal;
  rule.b = 1;
  data.kind = InitKind::data;
  data.data.resize(2 * 3 * 2 * 2 * sizeof(float));
  for (size_t i = 0; i < 24; ++i) reinterpret_cast<float*>(data.data.data())[i] = static_cast<float>(i);
  declare(store, "conv", Kind::parameter, {4, 3, 3, 3}, rule);
  declare(store, "given", Kind::frozen, {2, 3, 2, 2}, data);
  declare(store, "linear", Kind::parameter, {4, 3}, rule);
  declare(store, "bank", Kind::buffer, {4, 3, 3, 3}, rule);
  store.find("conv")->tensor.set_requires_grad(true);
}

}  // namespace

TEST_CASE("channels-last parameters are the same tensors with the same values") {
  ParameterStore plain, store;
  declare_all(plain);
  declare_all(store);
  const at::Tensor held = store.find("conv")->tensor;
  lay_channels_last(store);
  CHECK(held.is_same(store.find("conv")->tensor));
  CHECK(held.requires_grad());
  for (ParameterStore* s : {&plain, &store}) s->initialise(5);
  for (const Entry& e : store.entries()) {
    INFO(e.name);
    CHECK(at::equal(e.tensor, plain.find(e.name)->tensor));
    const bool convolution = e.name == "conv" || e.name == "given";
    CHECK(e.tensor.is_contiguous(convolution ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous));
    CHECK(e.tensor.is_contiguous() != convolution);
  }
  CHECK(store.find("given")->tensor[1][2][1][0].item<float>() == 22);

  // What the gradient is of a planar image too, an optimizer step on raw memory relies on.
  at::conv2d(at::randn({2, 3, 5, 5}), held).sum().backward();
  CHECK(held.grad().strides() == held.strides());
  store.to(at::kCPU);
  CHECK(held.is_contiguous(at::MemoryFormat::ChannelsLast));
}

TEST_CASE("the gradient of a channels-last 1x1 convolution has the strides of its parameter") {
  ParameterStore store;
  InitSpec rule;
  rule.kind = InitKind::kaiming_normal;
  declare(store, "one", Kind::parameter, {16, 3, 1, 1}, rule);
  store.initialise(5);
  const at::Tensor one = store.find("one")->tensor;
  one.set_requires_grad(true);
  lay_channels_last(store);
  CHECK(one.is_contiguous(at::MemoryFormat::ChannelsLast));
  at::conv2d(at::randn({2, 3, 5, 5}).contiguous(at::MemoryFormat::ChannelsLast), one).sum().backward();
  CHECK(one.grad().strides() == one.strides());
}

// LibTorch 2.11's channels-last convolutions damage the heap on the CPU below a vector's width of outputs.
TEST_CASE("a convolution of fewer than 16 outputs is found, whatever else there is") {
  ParameterStore store;
  InitSpec rule;
  declare(store, "wide", Kind::parameter, {16, 3, 3, 3}, rule);
  declare(store, "linear", Kind::parameter, {2, 3}, rule);
  declare(store, "bank", Kind::buffer, {2, 3, 3, 3}, rule);
  CHECK(too_narrow_for_channels_last(store) == nullptr);
  declare(store, "narrow", Kind::frozen, {15, 16, 1, 1}, rule);
  REQUIRE(too_narrow_for_channels_last(store));
  CHECK(too_narrow_for_channels_last(store)->name == "narrow");
}

}  // namespace selfsup::model
