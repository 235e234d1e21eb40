// Fused halves of a block against single operators: values and gradients with every option, on every set of
// instructions that this machine can run; the same bits whatever the threads; what is kept, and what is refused.
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "fused/products.h"
#include "fused/support/counting.h"
#include "fused/support/single_operators.h"
#include "threads.h"

namespace selfsup::fused::testing {
namespace {

using Catch::Contains;
using test::Threads;

// Odd widths and numbers of rows leave rests of vectors, tiles and blocks, 36 samples one of lanes; 40 tokens are too
// many for lanes, 300 more than a tile of queries.
const Shape kShapes[] = {{3, 5, 16, 4, 24}, {2, 17, 36, 3, 50},  {30, 9, 20, 2, 33}, {36, 5, 40, 2, 24},
                         {1, 1, 8, 1, 8},   {2, 40, 70, 2, 100}, {2, 300, 24, 1, 40}};

class On {
 public:
  explicit On(const Kernels& k) { use_kernels(&k); }
  ~On() { use_kernels(nullptr); }
};

at::Tensor kept_samples(int64_t batch) {
  at::Tensor keep = at::full({batch}, 1.25f);
  if (batch > 1) keep[batch / 2] = 0;
  return keep;
}

template <class H>
H with_options(H half) {
  half.keep = kept_samples(half.x.size(0));
  half.layer_scale = (at::randn({half.x.size(2)}) * 0.5).requires_grad_();
  return half;
}

at::Tensor run(const AttentionHalf& h) { return attention_half(h); }
at::Tensor run(const MlpHalf& h) { return mlp_half(h); }

double against(const auto& half, const auto& single) {
  const Threads one(1);  // the operators' barriers cost more than these sizes do
  return distance(outcome(run(half), inputs_of(half)), outcome(in_single_operators(single), inputs_of(single)));
}
// In double precision: where a sum over rows nearly cancels, as of a bias's gradient, those in float are far off too.
double against_single_operators(const auto& half) { return against(half, in_double(half)); }

constexpr double kClose = 1e-5;

}  // namespace

TEST_CASE("attention half-blocks have the values and gradients of single operators, with every option") {
  at::manual_seed(1);
  for (const Kernels& k : kernels())
    for (const Shape& s : kShapes) {
      const On on(k);
      INFO(k.name << ", " << s.batch << " x " << s.tokens << " x " << s.width);
      const AttentionHalf plain = attention_of(s);
      CHECK(against_single_operators(plain) < kClose);
      CHECK(against_single_operators(with_options(plain)) < kClose);
      AttentionHalf other = plain;
      other.scale = -0.37, other.recompute = true;
      other.qkv.bias = other.proj.bias = other.norm.weight = other.norm.bias = at::Tensor();
      CHECK(against_single_operators(with_options(other)) < kClose);
      other.causal = true;
      CHECK(against_single_operators(other) < kClose);
      for (const int64_t from : {int64_t{0}, s.tokens / 2, s.tokens - 1}) {
        const int64_t M = s.tokens - from;
        AttentionHalf later = with_options(plain);
        later.from = from;
        CHECK(against_single_operators(later) < kClose);
        for (const std::vector<int64_t>& sizes : {std::vector<int64_t>{1, s.heads, M, s.tokens},
                                                  {s.batch, 1, 1, s.tokens},
                                                  {s.batch, s.heads, M, 1},
                                                  {M, s.tokens}}) {
          // What is added to all logits of a query alike changes nothing: a gradient of 0 has no relative distance.
          later.bias = at::randn(sizes).requires_grad_(sizes.back() > 1);
          CHECK(against_single_operators(later) < kClose);
        }
        later.causal = true;
        CHECK(against_single_operators(later) < kClose);
      }
    }
}

TEST_CASE("MLP half-blocks have the values and gradients of single operators, with every option") {
  at::manual_seed(2);
  for (const Kernels& k : kernels())
    for (const Shape& s : kShapes)
      for (const Activation act : {Activation::gelu, Activation::gelu_tanh, Activation::silu, Activation::relu}) {
        const On on(k);
        INFO(k.name << ", " << s.batch << " x " << s.tokens << " x " << s.width << ", activation "
                    << static_cast<int>(act));
        // Numbers beside ReLU's kink fall to the same side in float alone.
        const auto apart = [act](const MlpHalf& h) {
          return act == Activation::relu ? against(h, h) : against_single_operators(h);
        };
        MlpHalf half = mlp_of(s);
        half.activation = act;
        CHECK(apart(half) < kClose);
        half.recompute = true;
        CHECK(apart(with_options(half)) < kClose);
        half.up.bias = half.down.bias = half.norm.weight = half.norm.bias = at::Tensor();
        CHECK(apart(with_options(half)) < kClose);
        half.x = at::randn({2, 3, s.tokens, s.width}).requires_grad_();
        half.keep = kept_samples(2);
        CHECK(apart(half) < kClose);
      }
}

TEST_CASE("half-blocks of one sample: keep counts for each of its rows") {
  at::manual_seed(9);
  for (const Kernels& k : kernels()) {
    const On on(k);
    INFO(k.name);
    const Shape s = {1, 21, 16, 2, 24};
    CHECK(against_single_operators(with_options(attention_of(s))) < kClose);
    CHECK(against_single_operators(with_options(mlp_of(s))) < kClose);
  }
}

TEST_CASE("a half-block of one row a sample keeps what keep was, whatever becomes of it before the backward") {
  at::manual_seed(11);
  MlpHalf half = with_options(mlp_of({3, 1, 8, 1, 8}));
  const auto gradient = [&](double factor) {
    const at::Tensor y = mlp_half(half);
    half.keep.mul_(factor);
    return torch::autograd::grad({y.sum()}, {half.x})[0];
  };
  const at::Tensor undisturbed = gradient(1);
  CHECK(at::equal(gradient(0), undisturbed));
}

namespace {

// Distances from fp32, of each tensor over several draws, in single operators and fused. How large each rounding of a
// draw turns out is chance.
struct Distances {
  std::vector<double> eager, fused;
  void add(const Outcome& exact, const Outcome& single, const Outcome& ours) {
    eager.resize(exact.tensors.size()), fused.resize(exact.tensors.size());
    for (size_t i = 0; i < exact.tensors.size(); ++i) {
      eager[i] += distance(single.tensors[i], exact.tensors[i]);
      fused[i] += distance(ours.tensors.at(i), exact.tensors[i]);
    }
  }
  void check() const {
    double logs = 0;
    for (size_t i = 0; i < eager.size(); ++i) {
      INFO("tensor " << i << ": " << fused[i] << " against " << eager[i]);
      CHECK(fused[i] <= 1.15 * eager[i]);
      logs += std::log(fused[i] / eager[i]);
    }
    CHECK(logs < 0);
  }
};

}  // namespace

TEST_CASE("packed attention has the values and gradients of single operators, of numbers of both types") {
  at::manual_seed(3);
  for (const Kernels& k : kernels()) {
    const On on(k);
    INFO(k.name);
    Distances low;
    for (const Shape& s : kShapes)
      for (const int64_t from : {int64_t{0}, s.tokens / 2}) {
        PackedAttention a;
        a.qkv = at::randn({s.batch, s.tokens, 3, s.heads, s.width / s.heads}).requires_grad_();
        a.bias = at::randn({s.heads, s.tokens - from, s.tokens}).requires_grad_(s.tokens > 1);
        a.from = from;
        a.scale = 0.5;
        a.causal = from > 0;
        const Outcome exact = outcome(in_single_operators(a), {a.qkv, a.bias});
        CHECK(distance(outcome(packed_attention(a), {a.qkv, a.bias}), exact) < kClose);
        if (s.tokens == 1) continue;
        PackedAttention halves = a;
        halves.qkv = a.qkv.detach().to(at::kBFloat16).requires_grad_();
        const std::vector<at::Tensor> inputs = {halves.qkv, a.bias};
        const Outcome ours = outcome(packed_attention(halves), inputs);
        CHECK(ours.tensors[0].scalar_type() == at::kBFloat16);
        low.add(exact, outcome(in_single_operators(halves), inputs), ours);
      }
    low.check();
  }
}

TEST_CASE("of several tensors those get gradients that require them, and they are the same") {
  at::manual_seed(4);
  const Shape s = {5, 40, 16, 2, 24};
  const auto check = [](auto half) {
    const Outcome all = outcome(run(half), inputs_of(half));
    const std::vector<at::Tensor> inputs = inputs_of(half);
    for (size_t only = 0; only < inputs.size(); ++only) {
      if (!inputs[only].defined()) continue;
      for (const at::Tensor& t : inputs)
        if (t.defined()) t.set_requires_grad(false);
      inputs[only].set_requires_grad(true);
      const Outcome one = outcome(run(half), inputs);
      REQUIRE(one.tensors.size() == 2);
      CHECK(at::equal(one.tensors[1], all.tensors[only + 1]));
    }
    for (const at::Tensor& t : inputs)
      if (t.defined()) t.set_requires_grad(false);
    CHECK_FALSE(run(half).requires_grad());
    CHECK(at::equal(run(half), all.tensors[0]));
  };
  AttentionHalf attention = with_options(attention_of(s));
  attention.bias = at::randn({s.heads, s.tokens, s.tokens}).requires_grad_();
  check(attention);
  check(with_options(mlp_of(s)));
}

TEST_CASE("in bf16 nothing is farther from fp32 than it is in single operators") {
  at::manual_seed(5);
  const Threads one(1);
  const auto check = [](const auto& make) {
    std::vector<Distances> of_kernels(kernels().size());
    for (int draw = 0; draw < 4; ++draw) {
      auto half = make();
      const std::vector<at::Tensor> inputs = inputs_of(half);
      const Outcome exact = outcome(in_single_operators(half), inputs);
      Outcome eager;
      {
        const Autocast on;
        eager = outcome(in_single_operators(half), inputs);
      }
      half.half_types = true;
      for (size_t i = 0; i < kernels().size(); ++i) {
        const On on(kernels()[i]);
        of_kernels[i].add(exact, eager, outcome(run(half), inputs));
      }
    }
    for (size_t i = 0; i < kernels().size(); ++i) {
      INFO(kernels()[i].name);
      of_kernels[i].check();
    }
  };
  for (const Shape& s : {Shape{16, 17, 48, 4, 192}, Shape{2, 197, 96, 3, 384}}) {
    check([&] { return attention_of(s); });
    check([&] { return with_options(attention_of(s)); });
    check([&] { return mlp_of(s); });
    check([&] { return with_options(mlp_of(s)); });
  }
}

TEST_CASE("the same bits on every run, with one, two and four threads, of MKL's products and of ATen's") {
  at::manual_seed(6);
  const Shape s = {70, 17, 48, 4, 192};
  const AttentionHalf attention = with_options(attention_of(s));
  AttentionHalf biased = attention;
  biased.bias = at::randn({s.heads, s.tokens, s.tokens}).requires_grad_();
  const MlpHalf mlp = with_options(mlp_of(s));
  const auto check = [](auto half) {
    for (const bool half_types : {false, true}) {
      half.half_types = half_types;
      const std::vector<at::Tensor> inputs = inputs_of(half);
      std::optional<Outcome> first;
      for (const int threads : {1, 2, 4, 1}) {
        const Threads use(threads);
        const Outcome now = outcome(run(half), inputs);
        if (first) CHECK(same_bits(now, *first));
        if (!first) first = now;
      }
    }
  };
  for (const bool aten : {false, true}) {
    use_aten_products(aten);
    check(attention);
    check(biased);
    check(mlp);
    CHECK(against_single_operators(mlp) < kClose);
    CHECK(against_single_operators(attention) < kClose);
    CHECK(against_single_operators(biased) < kClose);
  }
  use_aten_products(false);
}

TEST_CASE("logits that are masked by -inf count for nothing, and a query that sees no token gets 0") {
  at::manual_seed(7);
  for (const Kernels& k : kernels()) {
    const On on(k);
    AttentionHalf half = attention_of({2, 9, 16, 2, 0});
    half.bias = at::zeros({2, 1, 9, 9});
    half.bias[1].slice(2, 5).fill_(-INFINITY);
    CHECK(against_single_operators(half) < kClose);
    half.bias.select(2, 3).fill_(-INFINITY);
    const at::Tensor y = attention_half(half).detach();
    const at::Tensor none = half.x.detach().select(1, 3) + half.proj.bias.detach();
    CHECK(at::allclose(y.select(1, 3), none));
    const Outcome o = outcome(attention_half(half), inputs_of(half));
    for (const at::Tensor& t : o.tensors) CHECK(t.isfinite().all().item<bool>());
  }
}

TEST_CASE("numbers that are not finite stay visible") {
  at::manual_seed(8);
  for (const Kernels& k : kernels()) {
    const On on(k);
    AttentionHalf attention = attention_of({2, 9, 16, 2, 24});
    MlpHalf mlp = mlp_of({2, 9, 16, 2, 24});
    for (const double value : {double{NAN}, double{INFINITY}}) {
      attention.x.data()[0][4][3] = value;
      mlp.x.data()[0][4][3] = value;
      CHECK_FALSE(attention_half(attention)[0].isfinite().any().item<bool>());
      CHECK(attention_half(attention)[1].isfinite().all().item<bool>());
      CHECK_FALSE(mlp_half(mlp)[0][4].isfinite().any().item<bool>());
      CHECK(mlp_half(mlp)[0][5].isfinite().all().item<bool>());
    }
  }
}

TEST_CASE("the gradient of a bias that all samples, heads and queries share is as exact as the others") {
  at::manual_seed(10);
  PackedAttention a;
  a.qkv = at::randn({256, 65, 3, 4, 8}).requires_grad_();
  a.bias = at::randn({65}).requires_grad_();
  a.scale = 0.5;
  PackedAttention exact = a;
  exact.qkv = a.qkv.detach().to(at::kDouble), exact.bias = a.bias.detach().to(at::kDouble).requires_grad_();
  const Outcome to = outcome(in_single_operators(exact), {exact.bias});
  CHECK(distance(outcome(packed_attention(a), {a.bias}).tensors[1], to.tensors[1]) < 1e-6);
}

TEST_CASE("a logit that is NaN stays visible beside ones that are masked by -inf") {
  constexpr int64_t kTokens = 20;
  for (const Kernels& k : kernels()) {
    const On on(k);
    INFO(k.name);
    PackedAttention a;
    a.qkv = at::ones({1, kTokens, 3, 1, 8});
    a.scale = 1;
    a.causal = true;
    a.qkv[0][0][0].fill_(NAN);  // the first query, which sees one key
    CHECK(packed_attention(a)[0][0].isnan().all().item<bool>());
    CHECK(packed_attention(a)[0][1].isfinite().all().item<bool>());
    a.causal = false;
    a.qkv.fill_(1)[0][0][1].fill_(NAN);  // the only key that is not masked
    a.bias = at::full({kTokens, kTokens}, -INFINITY);
    a.bias.select(1, 0).zero_();
    CHECK(packed_attention(a).isnan().all().item<bool>());
  }
}

TEST_CASE("a second derivative, or a backward after a change in place, is an error that says so") {
  AttentionHalf attention = attention_of({2, 5, 8, 2, 16});
  MlpHalf mlp = mlp_of({2, 5, 8, 2, 16});
  const auto twice = [](const at::Tensor& y, const at::Tensor& x) {
    torch::autograd::grad({y.sum()}, {x}, {}, std::nullopt, /*create_graph=*/true);
  };
  CHECK_THROWS_WITH(twice(attention_half(attention), attention.x), Contains("no second derivative"));
  CHECK_THROWS_WITH(twice(mlp_half(mlp), mlp.x), Contains("no second derivative"));
  const at::Tensor y = mlp_half(mlp);
  mlp.up.weight.data().mul_(1);  // not seen by autograd
  CHECK_NOTHROW(y.sum().backward({}, /*retain_graph=*/true));
  {
    const c10::NoGradGuard no_grad;
    mlp.up.weight.mul_(2);
  }
  CHECK_THROWS_WITH(y.sum().backward(), Contains("modified by an inplace operation"));
}

TEST_CASE("between forward and backward half as much is kept as by single operators, and without gradients nothing") {
  const Shape s = {32, 17, 64, 4, 256};
  const AttentionHalf attention = attention_of(s);
  const MlpHalf mlp = mlp_of(s);
  const Counting counting;
  // What is alive beyond the result.
  const auto kept = [](const auto& function) {
    const int64_t start = Counting::live();
    const at::Tensor y = function();
    return Counting::live() - start - static_cast<int64_t>(y.nbytes());
  };
  const int64_t eager_attention = kept([&] { return in_single_operators(attention); }),
                eager_mlp = kept([&] { return in_single_operators(mlp); }),
                fused_attention = kept([&] { return run(attention); }), fused_mlp = kept([&] { return run(mlp); });
  CHECK(fused_attention * 3 < eager_attention * 2);
  CHECK(fused_mlp * 2 < eager_mlp * 1.02);
  AttentionHalf again = attention;
  again.recompute = true;
  CHECK(kept([&] { return run(again); }) == 0);
  MlpHalf mlp_again = mlp;
  mlp_again.recompute = true;
  CHECK(kept([&] { return run(mlp_again); }) == 0);
  {
    const c10::NoGradGuard no_grad;
    CHECK(kept([&] { return run(attention); }) == 0);
    CHECK(kept([&] { return run(mlp); }) == 0);
  }
  INFO(eager_attention << " " << fused_attention << " " << eager_mlp << " " << fused_mlp);
}

}  // namespace selfsup::fused::testing
