// Initial values: the distributions of torch.nn.init, as functions of key and place.
#include "model/init.h"

#include <ATen/Parallel.h>

#include <catch2/catch.hpp>
#include <cstring>

#include "base/errors.h"
#include "base/random.h"

namespace selfsup::model {
namespace {

at::Tensor made(InitSpec spec, std::vector<int64_t> sizes, uint64_t key = 1, at::ScalarType type = at::kFloat) {
  at::Tensor t = at::empty(sizes, at::TensorOptions(type));
  initialise(t, spec, key);
  return t;
}

InitSpec spec(InitKind kind, double a = 0, double b = 0, double lo = 0, double hi = 0, int64_t fan_in = 0,
              int64_t fan_out = 0) {
  return {kind, a, b, lo, hi, fan_in, fan_out, {}};
}

double mean_of(const at::Tensor& t) { return t.to(at::kDouble).mean().item<double>(); }
double deviation(const at::Tensor& t) { return t.to(at::kDouble).std().item<double>(); }
double low(const at::Tensor& t) { return t.min().item<double>(); }
double high(const at::Tensor& t) { return t.max().item<double>(); }

}  // namespace

TEST_CASE("normal and uniform have their moments") {
  const at::Tensor n = made(spec(InitKind::normal, 0.5, 2), {301, 333});
  CHECK(mean_of(n) == Approx(0.5).margin(0.03));
  CHECK(deviation(n) == Approx(2).epsilon(0.01));
  const double fourth = ((n - 0.5) / 2).pow(4).mean().item<double>();
  CHECK(fourth == Approx(3).epsilon(0.05));
  const at::Tensor u = made(spec(InitKind::uniform, -1, 3), {300, 333});
  CHECK(mean_of(u) == Approx(1).margin(0.02));
  CHECK(deviation(u) == Approx(4 / std::sqrt(12.0)).epsilon(0.01));
  CHECK(low(u) >= -1);
  CHECK(high(u) <= 3);
}

TEST_CASE("a truncated normal keeps its bounds and its quantiles") {
  const at::Tensor t = made(spec(InitKind::trunc_normal, 0, 1, -2, 2), {400, 500});
  CHECK(low(t) >= -2);
  CHECK(high(t) <= 2);
  CHECK(deviation(t) == Approx(0.8796).epsilon(0.01));  // sqrt(1 - 2·2·φ(2) / (2Φ(2) - 1))
  // P(|x| < 1 | |x| < 2) = 0.6827 / 0.9545
  CHECK((t.abs() < 1).to(at::kDouble).mean().item<double>() == Approx(0.7152).margin(0.005));
  const at::Tensor small = made(spec(InitKind::trunc_normal, 0, 0.02, -2, 2), {400, 500});  // cut at 100 deviations
  CHECK(deviation(small) == Approx(0.02).epsilon(0.01));
}

TEST_CASE("the largest number that can be drawn is below one") {
  // The key whose first 64 bits are all ones: mix64 turned round.
  const auto inverse = [](uint64_t a) {
    uint64_t x = a;
    for (int i = 0; i < 6; ++i) x *= 2 - a * x;
    return x;
  };
  const auto unshift = [](uint64_t x, int by) {
    uint64_t y = x;
    for (int i = 0; i < 64 / by; ++i) y = x ^ (y >> by);
    return y;
  };
  uint64_t x = unshift(~uint64_t{0}, 31) * inverse(0x94d049bb133111ebull);
  x = unshift(x, 27) * inverse(0xbf58476d1ce4e5b9ull);
  x = unshift(x, 30) - 0x9e3779b97f4a7c15ull;
  REQUIRE(mix64(x) == ~uint64_t{0});
  const uint64_t key = x ^ mix64(0x632be59bd9b4e019ull);
  // Cut at 100 deviations: only 1 itself has no quantile.
  CHECK(std::isfinite(made(spec(InitKind::trunc_normal, 0, 0.02, -2, 2), {1}, key).item<double>()));
  CHECK(made(spec(InitKind::uniform, 0, 1), {1}, key, at::kDouble).item<double>() <= 1);
}

TEST_CASE("xavier and kaiming take their fans from the shape or from the specification") {
  const double bound = std::sqrt(6.0 / (50 * 9 + 40 * 9));
  const at::Tensor x = made(spec(InitKind::xavier_uniform), {40, 50, 3, 3});
  CHECK(high(x) == Approx(bound).epsilon(0.01));
  CHECK(low(x) == Approx(-bound).epsilon(0.01));
  CHECK(high(made(spec(InitKind::xavier_uniform, 2), {40, 50, 3, 3})) == Approx(2 * bound).epsilon(0.01));
  CHECK(high(made(spec(InitKind::xavier_uniform, 0, 0, 0, 0, 10, 20), {100, 100})) ==
        Approx(std::sqrt(6.0 / 30)).epsilon(0.01));
  CHECK(deviation(made(spec(InitKind::kaiming_normal), {80, 50, 3, 3})) == Approx(std::sqrt(2.0 / 450)).epsilon(0.02));
  CHECK(deviation(made(spec(InitKind::kaiming_normal, 0, 1), {80, 50, 3, 3})) ==
        Approx(std::sqrt(2.0 / 720)).epsilon(0.02));
  CHECK(high(made(spec(InitKind::kaiming_uniform), {80, 64})) == Approx(1 / 8.0).epsilon(0.01));
  CHECK(high(made(spec(InitKind::kaiming_uniform, 0, 0, 0, 0, 64), {4000})) ==
        Approx(1 / 8.0).epsilon(0.01));  // a bias
  CHECK_THROWS_AS(made(spec(InitKind::xavier_uniform, 0, 0, 0, 0, 10), {40}), Error);
  CHECK_THROWS_AS(made(spec(InitKind::kaiming_normal, 0, 0, 0, 0, 0, 10), {40}), Error);
  CHECK(deviation(made(spec(InitKind::kaiming_normal, 0, 1, 0, 0, 0, 50), {4000})) ==
        Approx(std::sqrt(2.0 / 50)).epsilon(0.05));  // a vector needs the one fan that its kind takes
}

TEST_CASE("values are functions of key and place, whatever the threads") {
  const InitSpec n = spec(InitKind::normal, 0, 1);
  at::set_num_threads(1);
  const at::Tensor one = made(n, {200, 501});
  at::set_num_threads(2);
  CHECK(at::equal(one, made(n, {200, 501})));
  CHECK_FALSE(at::equal(one, made(n, {200, 501}, 2)));
  CHECK(at::equal(made(n, {100, 501}), one.slice(0, 0, 100)));
  CHECK(at::equal(made(n, {200, 501}, 1, at::kBFloat16), one.to(at::kBFloat16)));
}

TEST_CASE("constants and data are taken as they are") {
  CHECK(at::equal(made(spec(InitKind::constant, 3), {2}, 1, at::kLong), at::full({2}, 3, at::kLong)));
  InitSpec data = spec(InitKind::data);
  const float values[] = {1.5f, -2.5f};
  data.data.resize(sizeof values);
  std::memcpy(data.data.data(), values, sizeof values);
  CHECK(at::equal(made(data, {2}), at::tensor({1.5f, -2.5f})));
  CHECK_THROWS_AS(made(data, {3}), Error);
}

}  // namespace selfsup::model
