// Batch norm, residual and ReLU as one against single operators: values, gradients and running statistics, on every set
// of instructions that this machine can run; the same bits whatever the threads; what is kept.
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "fused/kernels.h"
#include "fused/norm_act.h"
#include "fused/support/counting.h"
#include "fused/support/single_operators.h"
#include "threads.h"

namespace selfsup::fused::testing {
namespace {

using Catch::Contains;
using test::Threads;

// With one thread: the operators' barriers cost more than these sizes do.
class On {
 public:
  explicit On(const Kernels& k) { use_kernels(&k); }
  ~On() { use_kernels(nullptr); }

 private:
  Threads one_{1};
};

// Odd numbers of channels and of rows leave rests of vectors, words of bits and blocks; 3000 rows are several blocks.
const std::vector<std::vector<int64_t>> kSizes = {{3, 16, 5, 7},    {2, 37, 3, 4}, {1, 24, 1, 2}, {9, 130},
                                                  {30, 20, 10, 10}, {64, 700},     {2, 64, 1, 1}};

at::Tensor rows(const std::vector<int64_t>& sizes, at::ScalarType type = at::kFloat) {
  at::Tensor x = (at::randn(sizes) * 1.5 + 0.7).to(type);
  if (sizes.size() == 4) x = x.contiguous(at::MemoryFormat::ChannelsLast);
  return x.requires_grad_();
}

NormAct layer(const std::vector<int64_t>& sizes, bool relu, bool residual, at::ScalarType type = at::kFloat) {
  NormAct n;
  n.x = rows(sizes, type);
  if (residual) n.residual = rows(sizes, type);
  n.weight = (at::randn({sizes[1]}) * 0.3 + 1).requires_grad_();
  n.bias = (at::randn({sizes[1]}) * 0.3).requires_grad_();
  n.mean = at::randn({sizes[1]});
  n.var = at::rand({sizes[1]}) + 0.5;
  n.momentum = 0.1, n.eps = 1e-5, n.relu = relu;
  return n;
}

std::vector<at::Tensor> inputs_of(const NormAct& n) { return {n.x, n.weight, n.bias, n.residual}; }

NormAct with_own_statistics(NormAct n) {
  if (n.mean.defined()) n.mean = n.mean.clone(), n.var = n.var.clone();
  return n;
}

at::Tensor in_single_operators(const NormAct& n) {
  at::Tensor y = at::batch_norm(n.x, n.weight, n.bias, n.mean, n.var, n.from_rows, n.momentum, n.eps, true);
  if (n.residual.defined()) y = y + n.residual;
  return n.relu ? at::relu(y) : y;
}

// The outcome, with the running statistics among its tensors.
template <class F>
Outcome outcome_of(const NormAct& given, F f) {
  const NormAct n = with_own_statistics(given);
  Outcome o = outcome(f(n), inputs_of(n));
  o.loss = o.tensors[0].to(at::kDouble).square().sum().item<double>();  // one that does not cancel by chance
  if (n.mean.defined()) o.tensors.push_back(n.mean), o.tensors.push_back(n.var);
  return o;
}
Outcome fused(const NormAct& n) { return outcome_of(n, norm_act); }
Outcome single(const NormAct& n) {
  return outcome_of(n, [](const NormAct& own) { return in_single_operators(own); });
}

constexpr double kClose = 1e-5;

template <class F>
void on_all(F f) {
  for (const Kernels& k : kernels())
    for (const std::vector<int64_t>& sizes : kSizes)
      for (const bool relu : {false, true})
        for (const bool residual : {false, true}) {
          const On on(k);
          INFO(k.name << ", " << at::IntArrayRef(sizes) << ", relu " << relu << ", residual " << residual);
          f(sizes, relu, residual);
        }
}

}  // namespace

TEST_CASE("norm, residual and ReLU as one have the values, gradients and statistics of single operators") {
  at::manual_seed(1);
  on_all([](const std::vector<int64_t>& sizes, bool relu, bool residual) {
    NormAct n = layer(sizes, relu, residual);
    // Of two rows every number is one deviation from the mean, and no gradient of x is left but rounding.
    const bool two = n.x.numel() / n.x.size(1) == 2;
    if (!two) CHECK(distance(fused(n), single(n)) < kClose);
    CHECK(norm_act(with_own_statistics(n)).strides() == n.x.strides());
    n.from_rows = false;
    CHECK(distance(fused(n), single(n)) < kClose);
    n.from_rows = true;
    n.weight = n.bias = n.mean = n.var = at::Tensor();
    if (!two) CHECK(distance(fused(n), single(n)) < kClose);
  });
}

TEST_CASE("in bf16 norm, residual and ReLU as one are no farther from f32 than single operators are") {
  at::manual_seed(2);
  std::vector<double> ours, eager;
  on_all([&](const std::vector<int64_t>& sizes, bool relu, bool residual) {
    const NormAct n = layer(sizes, relu, residual, at::kBFloat16);
    if (n.x.numel() / n.x.size(1) == 2) return;
    NormAct exact = n;
    exact.x = n.x.detach().to(at::kFloat).requires_grad_();
    if (residual) exact.residual = n.residual.detach().to(at::kFloat).requires_grad_();
    const Outcome to = single(exact), a = fused(n), b = single(n);
    REQUIRE(a.tensors.size() == to.tensors.size());
    CHECK(a.tensors[0].scalar_type() == at::kBFloat16);
    double of_ours = 0, of_eager = 0;
    for (size_t i = 0; i < to.tensors.size(); ++i) {
      const double own = distance(a.tensors[i], to.tensors[i]), theirs = distance(b.tensors[i], to.tensors[i]);
      INFO("tensor " << i << ": " << own << " against " << theirs);
      CHECK(own <= 1.15 * theirs + 2e-3);
      of_ours += own, of_eager += theirs;
    }
    CHECK(of_ours <= 1.02 * of_eager + 1e-6);
    ours.push_back(of_ours), eager.push_back(of_eager);
  });
  double logs = 0;
  for (size_t i = 0; i < ours.size(); ++i) logs += std::log(ours[i] / eager[i]);
  CHECK(logs < 0);
}

TEST_CASE("norm, residual and ReLU as one: the same bits on every run, with one, two and four threads") {
  at::manual_seed(3);
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const NormAct n = layer({40, 48, 11, 13}, true, true, type);
    std::optional<Outcome> first;
    for (const int threads : {1, 2, 4, 1}) {
      const Threads use(threads);
      const Outcome now = fused(n);
      if (first) CHECK(same_bits(now, *first));
      if (!first) first = now;
    }
  }
}

TEST_CASE("batch statistics are exact where the mean is far from zero, and where rows are sorted") {
  at::manual_seed(4);
  for (const Kernels& k : kernels()) {
    const On on(k);
    INFO(k.name);
    NormAct n = layer({4, 32, 32, 32}, false, false);
    const at::Tensor far = at::randn({4, 32, 32, 32}) + 1000,
                     sorted = std::get<0>((at::randn({4096, 32}) + 0.5).sort(0));
    for (const at::Tensor& x : {far.contiguous(at::MemoryFormat::ChannelsLast), sorted}) {
      n.x = x, n.momentum = 1;
      const NormAct own = with_own_statistics(n);
      norm_act(own);
      std::vector<int64_t> over = {0};
      if (x.dim() == 4) over = {0, 2, 3};
      const at::Tensor f64 = x.to(at::kDouble);
      CHECK(distance(own.mean, f64.mean(over)) < 1e-6);
      CHECK(distance(own.var, f64.var(over, /*unbiased=*/true)) < 1e-6);
    }
  }
}

TEST_CASE("norm, residual and ReLU as one: those get gradients that require them, and they are the same") {
  at::manual_seed(5);
  for (const bool from_rows : {true, false})
    for (const bool relu : {true, false}) {
      NormAct n = layer({6, 20, 5, 5}, relu, true);
      n.from_rows = from_rows;
      const std::vector<at::Tensor> inputs = inputs_of(n);
      const auto run = [&] { return outcome(norm_act(with_own_statistics(n)), inputs); };
      const Outcome all = run();
      for (size_t only = 0; only < inputs.size(); ++only) {
        for (const at::Tensor& t : inputs) t.set_requires_grad(false);
        inputs[only].set_requires_grad(true);
        const Outcome one = run();
        REQUIRE(one.tensors.size() == 2);
        CHECK(at::equal(one.tensors[1], all.tensors[only + 1]));
      }
      for (const at::Tensor& t : inputs) t.set_requires_grad(false);
      const Outcome none = run();
      CHECK(none.tensors.size() == 1);
      CHECK(at::equal(none.tensors[0], all.tensors[0]));
    }
}

TEST_CASE("norm, residual and ReLU as one: running statistics move without gradients, and a NaN stays visible") {
  at::manual_seed(6);
  for (const Kernels& k : kernels()) {
    const On on(k);
    INFO(k.name);
    const NormAct n = layer({3, 20, 4, 4}, true, true);
    const NormAct own = with_own_statistics(n), other = with_own_statistics(n);
    const c10::NoGradGuard no_grad;
    norm_act(own);
    in_single_operators(other);
    CHECK(distance(own.mean, other.mean) < kClose);
    CHECK(distance(own.var, other.var) < kClose);
    NormAct broken = with_own_statistics(n);
    broken.x.data()[1][3][2][2] = NAN;
    const at::Tensor y = norm_act(broken);
    CHECK(y.select(1, 3).isnan().all().item<bool>());
    CHECK(y.select(1, 4).isfinite().all().item<bool>());
  }
}

TEST_CASE("norm, residual and ReLU as one keep a bit for each number, and without gradients nothing") {
  const NormAct n = layer({8, 64, 16, 16}, true, true);
  const Counting counting;
  const auto kept = [&](const auto& function) {
    const int64_t start = Counting::live();
    const at::Tensor y = function(n);
    return Counting::live() - start - static_cast<int64_t>(y.nbytes());
  };
  constexpr int64_t kOfChannels = 64 * 64;
  CHECK(kept(norm_act) < n.x.numel() / 8 + kOfChannels);
  const c10::NoGradGuard no_grad;
  CHECK(kept(norm_act) == 0);
}

TEST_CASE("norm, residual and ReLU as one: the residual is not kept, x is, and has no second derivative") {
  NormAct n = layer({2, 16, 4, 4}, true, true);
  n.residual = n.residual * 1;
  const size_t before = n.residual.use_count();
  at::Tensor y = norm_act(n);
  CHECK(n.residual.use_count() == before);
  CHECK_THROWS_WITH(torch::autograd::grad({y.sum()}, {n.x}, {}, std::nullopt, /*create_graph=*/true),
                    Contains("no second derivative"));
  y = norm_act(n);
  {
    const c10::NoGradGuard no_grad;
    n.residual.mul_(2);
  }
  CHECK_NOTHROW(y.sum().backward({}, /*retain_graph=*/true));
  {
    const c10::NoGradGuard no_grad;
    n.x.mul_(2);
  }
  CHECK_THROWS_WITH(y.sum().backward(), Contains("modified by an inplace operation"));
}

}  // namespace selfsup::fused::testing
