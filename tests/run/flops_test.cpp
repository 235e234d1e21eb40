// Operations of products and convolutions, forward and backward, against those worked out by hand.
#include "run/flops.h"

#include <ATen/ATen.h>

#include <catch2/catch.hpp>
#include <functional>

namespace selfsup::run {
namespace {

int64_t flops_of(const std::function<at::Tensor()>& forward, bool backward = false) {
  const FlopCounter counter;
  const at::Tensor y = forward();
  if (backward) y.sum().backward();
  return counter.count();
}

at::Tensor leaf(at::IntArrayRef sizes) { return at::randn(sizes).set_requires_grad(true); }

}  // namespace

TEST_CASE("matrix products count two operations a multiply-add, and each gradient as much again") {
  const at::Tensor a = leaf({2, 3}), b = leaf({3, 4}), bias = leaf({4});
  CHECK(flops_of([&] { return at::mm(a, b); }) == 2 * 2 * 3 * 4);
  CHECK(flops_of([&] { return at::mm(a, b); }, true) == 3 * 2 * 2 * 3 * 4);
  CHECK(flops_of([&] { return at::addmm(bias, a, b); }) == 2 * 2 * 3 * 4);
  CHECK(flops_of([&] { return at::bmm(leaf({5, 2, 3}), leaf({5, 3, 4})); }) == 5 * 2 * 2 * 3 * 4);
  CHECK(flops_of([&] { return at::linear(leaf({5, 7, 3}), leaf({4, 3}), bias); }) == 2 * 5 * 7 * 3 * 4);
  CHECK(flops_of([&] { return a + a; }, true) == 0);
}

TEST_CASE("convolutions count the places of their output") {
  const at::Tensor x = leaf({2, 4, 9, 8}), w = leaf({6, 4, 3, 3});
  // 9 x 8 with a padding of 1 and a stride of 2 becomes 5 x 4.
  const int64_t one = 2 * 2 * 6 * 5 * 4 * (4 * 3 * 3);
  const auto forward = [&](const at::Tensor& input, const at::Tensor& weight, int64_t groups) {
    return [&input, &weight, groups] { return at::conv2d(input, weight, {}, {2, 2}, {1, 1}, {1, 1}, groups); };
  };
  CHECK(flops_of(forward(x, w, 1)) == one);
  CHECK(flops_of(forward(x, w, 1), true) == 3 * one);
  CHECK(flops_of(forward(x.detach(), w, 1), true) == 2 * one);
  CHECK(flops_of(forward(x, leaf({6, 2, 3, 3}), 2)) == one / 2);
  const at::Tensor up = leaf({4, 6, 2, 2});
  CHECK(flops_of([&] { return at::conv_transpose2d(x, up, {}, {2, 2}); }) == 2 * x.numel() * 6 * 2 * 2);
}

TEST_CASE("attention counts alike in one kernel and in its products") {
  const at::Tensor q = leaf({2, 3, 5, 8}), k = leaf({2, 3, 7, 8}), v = leaf({2, 3, 7, 8});
  const int64_t product = 2 * q.numel() * 7;
  CHECK(flops_of([&] { return at::scaled_dot_product_attention(q, k, v); }) == 2 * product);
  CHECK(flops_of([&] { return std::get<0>(at::_scaled_dot_product_attention_math(q, k, v)); }) == 2 * product);
  CHECK(flops_of([&] { return at::scaled_dot_product_attention(q, k, v); }, true) == 7 * product);
}

TEST_CASE("nothing is counted when no counter lives") {
  int64_t before;
  {
    const FlopCounter counter;
    before = counter.count();
  }
  at::mm(leaf({2, 3}), leaf({3, 4}));
  CHECK(before == 0);
  CHECK(FlopCounter().count() == 0);
}

}  // namespace selfsup::run
