#include "evaluate/whitening.h"

#include <ATen/ATen.h>
#include <catch2/catch.hpp>

namespace selfsup::evaluate {
namespace {

// Rows whose columns vary by very different amounts, in directions of their own.
at::Tensor rows(int64_t count, int64_t dims) {
  at::manual_seed(5);
  const at::Tensor scale = at::logspace(2, -1, dims);
  return (at::randn({count, dims}) * scale).mm(at::randn({dims, dims})) + 7;
}

at::Tensor covariance(const at::Tensor& x) {
  const at::Tensor centred = (x - x.mean(0, true)).to(at::kDouble);
  return centred.t().mm(centred) / static_cast<double>(x.size(0));
}

}  // namespace

TEST_CASE("whitened rows have mean 0 and covariance 1, with more rows than columns and with fewer") {
  for (const auto& [count, dims] : {std::pair<int64_t, int64_t>{400, 12}, {20, 50}}) {
    INFO(count << " x " << dims);
    const at::Tensor x = rows(count, dims);
    const at::Tensor white = Whitening(x, 8)(x);
    REQUIRE(white.sizes().vec() == std::vector<int64_t>{count, 8});
    CHECK(white.mean(0).abs().max().item<double>() < 1e-3);
    CHECK(at::allclose(covariance(white), at::eye(8, at::kDouble), 0, 2e-3));
  }
}

TEST_CASE("the components of largest variance are kept, and no more than the rows have") {
  const at::Tensor x = rows(300, 10), white = Whitening(x, 3)(x);
  // What three directions explain: the largest eigenvalues, by a full decomposition in double.
  const at::Tensor largest = std::get<0>(at::linalg_eigh(covariance(x))).slice(0, 7).sum();
  const at::Tensor centred = (x - x.mean(0, true)).to(at::kDouble), w = white.to(at::kDouble);
  const at::Tensor fitted = w.mm(at::linalg_pinv(w).mm(centred));
  CHECK(fitted.square().sum().div(300).item<double>() == Approx(largest.item<double>()).epsilon(1e-4));

  const at::Tensor twice = at::cat({x, x}, 1);  // rank 10 in 20 columns
  CHECK(Whitening(twice, 128)(twice).size(1) == 10);
  const at::Tensor same = at::ones({30, 4});  // nothing varies
  CHECK(Whitening(same, 128)(same).isfinite().all().item<bool>());
  CHECK(Whitening(x.slice(0, 0, 1), 128)(x).isfinite().all().item<bool>());
}

TEST_CASE("other rows are turned as those that were fitted") {
  const at::Tensor x = rows(200, 6);
  const Whitening whitening(x, 6);
  CHECK(at::allclose(whitening(x.slice(0, 3, 5)), whitening(x).slice(0, 3, 5), 1e-4, 1e-4));
}

}  // namespace selfsup::evaluate
