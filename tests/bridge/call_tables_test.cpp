// The tables ssp.call, ssp.rng and ssp.dist of one process.
#include <ATen/ops/batch_norm.h>
#include <c10/core/GradMode.h>

#include "bridge/support/window.h"
#include "bridge/testing.h"
#include "ranks.h"

namespace selfsup::bridge::testing {
namespace {

using Catch::Contains;

struct Tables {
  Host host;
  const ssp_calls& calls = extension<ssp_calls>(host, SSP_EXT_CALL);
  const ssp_rng& rng = extension<ssp_rng>(host, SSP_EXT_RNG);
  const ssp_dist& dist = extension<ssp_dist>(host, SSP_EXT_DIST);
  const ssp_batch_norm& norm = extension<ssp_batch_norm>(host, SSP_EXT_BATCH_NORM);
  const ssp_ops& ops = extension<ssp_ops>(host, SSP_EXT_OPS);

  at::Tensor take(ssp_tensor t) {
    at::Tensor tensor = peek(t);
    release(t);
    return tensor;
  }
  at::Tensor per_sample(ssp_call* call, const char* site, int64_t rows, int64_t n) {
    ssp_tensor out;
    const ssp_status status = rng.per_sample(call, text(site), rows, n, &out);
    INFO(error_text());
    REQUIRE(status == SSP_OK);
    return take(out);
  }
  ssp_call* fork(ssp_call* call, const char* site, std::vector<int32_t> views, uint32_t layout = SSP_ROWS_CAT,
                 uint32_t mode = SSP_MODE_INHERIT) {
    const ssp_fork request{sizeof request, mode, text(site), views.data(), static_cast<uint32_t>(views.size()), layout};
    ssp_call* child = nullptr;
    REQUIRE(calls.fork(call, &request, &child) == SSP_OK);
    return child;
  }
};

at::Tensor index_of(std::vector<int64_t> samples) { return at::tensor(samples); }

Step step_at(uint64_t iter, uint64_t epoch = 0, uint32_t micro = 0) {
  Step s;
  s.iter = iter;
  s.epoch = epoch;
  s.micro = micro;
  return s;
}

}  // namespace

TEST_CASE_METHOD(Tables, "call.info tells the step, as far as the plugin's struct reaches") {
  Step s;
  s.mode = Mode::eval;
  s.origin = Origin::resumed;
  s.micro = 1;
  s.micros = 4;
  s.iter = 9;
  s.max_iters = 100;
  s.update = 2;
  s.max_updates = 25;
  s.epoch = 3;
  s.max_epochs = 10;
  s.epoch_iters = 33;
  Window window(host, s);
  ssp_call_info info{};
  CHECK(calls.info(window.call(), &info) == SSP_E_ARGUMENT);
  info.struct_size = sizeof info;
  REQUIRE(calls.info(window.call(), &info) == SSP_OK);
  CHECK(info.mode == SSP_MODE_EVAL);
  CHECK(info.origin == SSP_ORIGIN_RESUMED);
  CHECK(std::vector<uint64_t>{info.micro, info.micros, info.iter, info.max_iters, info.update, info.max_updates,
                              info.epoch, info.max_epochs,
                              info.epoch_iters} == std::vector<uint64_t>{1, 4, 9, 100, 2, 25, 3, 10, 33});
  CHECK(info.struct_size == sizeof info);
  ssp_call_info old{};
  old.struct_size = offsetof(ssp_call_info, iter);
  REQUIRE(calls.info(window.call(), &old) == SSP_OK);
  CHECK(old.struct_size == offsetof(ssp_call_info, iter));
  CHECK(old.micros == 4);
  CHECK(old.iter == 0);
  struct {
    ssp_call_info info;
    uint64_t later;  // what a newer plugin knows and this host does not
  } newer{};
  newer.info.struct_size = sizeof newer;
  REQUIRE(calls.info(window.call(), &newer.info) == SSP_OK);
  CHECK(newer.info.struct_size == sizeof(ssp_call_info));
  CHECK(newer.info.epoch_iters == 33);
  CHECK(newer.later == 0);
  ssp_tensor progress;
  REQUIRE(calls.progress(window.call(), &progress) == SSP_OK);
  const at::Tensor p = take(progress);
  CHECK(p.dim() == 0);
  CHECK(p.item<float>() == Approx(2.0 / 25.0));
}

TEST_CASE_METHOD(Tables, "a call that has ended is refused") {
  ssp_call* old;
  {
    Window window(host);
    old = window.call();
  }
  Window next(host);
  CHECK(next.call() != old);
  ssp_call_info info{};
  info.struct_size = sizeof info;
  CHECK(calls.info(old, &info) == SSP_E_PRECONDITION);
  CHECK(calls.info(nullptr, &info) == SSP_E_ARGUMENT);
}

TEST_CASE_METHOD(Tables, "per_sample depends on the sample, not on its place, batch or rank") {
  at::Tensor together, left, right;
  {
    Window window(host, step_at(0, 2), 4, index_of({10, 11, 12, 13}));
    together = per_sample(window.call(), "mask", 4, 6);
  }
  const test::Place second(1, 2);
  host.set_environment({.group = &second});
  {
    Window window(host, step_at(7, 2), 2, index_of({12, 10}));
    left = per_sample(window.call(), "mask", 2, 6);
  }
  CHECK(at::equal(left[0], together[2]));
  CHECK(at::equal(left[1], together[0]));
  CHECK(together.min().item<float>() >= 0.0f);
  CHECK(together.max().item<float>() < 1.0f);
  // Another site, epoch, seed, component: other numbers.
  {
    Window window(host, step_at(0, 2), 2, index_of({12, 10}));
    CHECK_FALSE(at::equal(per_sample(window.call(), "other", 2, 6), left));
    CHECK(at::equal(per_sample(window.call(), "mask", 2, 6), left));
    Instance student;
    student.key = 7;
    host.state().current = &student;
    CHECK_FALSE(at::equal(per_sample(window.call(), "mask", 2, 6), left));
    host.state().current = nullptr;
  }
  host.set_environment({.seed = 1});
  Window window(host, step_at(0, 2), 2, index_of({12, 10}));
  CHECK_FALSE(at::equal(per_sample(window.call(), "mask", 2, 6), left));
}

TEST_CASE_METHOD(Tables, "numbers of a sample are never those of a place in the run") {
  // Epoch 0, sample 7, view 0 of one; rank 0, iteration 7, row 0 of the other.
  Window window(host, step_at(7, 0), 1, index_of({7}));
  const at::Tensor sample = per_sample(fork(window.call(), "k", {0}), "mask", 1, 4);
  CHECK_FALSE(at::equal(sample, per_sample(fork(window.call(), "k", {}), "mask", 1, 4)));
}

TEST_CASE_METHOD(Tables, "per_sample is uniform") {
  Window window(host, step_at(0), 64, at::arange(64));
  const at::Tensor u = per_sample(window.call(), "x", 64, 1000).to(at::kDouble);
  CHECK(u.mean().item<double>() == Approx(0.5).margin(0.01));
  CHECK(u.var().item<double>() == Approx(1.0 / 12).margin(0.003));
  const at::Tensor histogram = at::histc(u.to(at::kFloat), 16, 0, 1);
  CHECK(histogram.min().item<float>() > 64000 / 16 * 0.9f);
}

TEST_CASE_METHOD(Tables, "forks say which views the rows are, and join their site to every key") {
  at::Tensor interleaved;
  {
    Window window(host, step_at(0), 2, index_of({5, 6}), 2);
    interleaved = per_sample(fork(window.call(), "q", {0, 1}, SSP_ROWS_INTERLEAVED), "m", 4, 3);
  }
  Window window(host, step_at(0), 2, index_of({5, 6}), 2);
  ssp_call* root = window.call();
  const at::Tensor cat = per_sample(fork(root, "q", {0, 1}), "m", 4, 3);
  CHECK(at::equal(cat[0], interleaved[0]));  // sample 5, view 0
  CHECK(at::equal(cat[1], interleaved[2]));  // sample 6, view 0
  CHECK(at::equal(cat[2], interleaved[1]));  // sample 5, view 1
  CHECK(at::equal(cat[3], interleaved[3]));
  CHECK_FALSE(at::equal(cat[0], cat[2]));
  CHECK_FALSE(at::equal(per_sample(fork(root, "k", {0, 1}), "m", 4, 3), cat));
  // Rows that are nobody's: any number of them, keyed by their place in the iteration.
  ssp_call* shuffled = fork(root, "k", {});
  CHECK(per_sample(shuffled, "m", 7, 3).size(0) == 7);
  ssp_tensor out{};
  CHECK(rng.per_sample(root, text("m"), 3, 3, &out) == SSP_E_ARGUMENT);
  CHECK_THAT(error_text(), Contains("3 rows asked for, this call has 2"));
  const int32_t beyond = 2;
  const ssp_fork request{sizeof request, 0, text("x"), &beyond, 1, 0};
  ssp_call* child;
  CHECK(calls.fork(root, &request, &child) == SSP_E_ARGUMENT);
  ssp_call_info info{};
  info.struct_size = sizeof info;
  REQUIRE(calls.info(fork(root, "t", {0}, SSP_ROWS_CAT, SSP_MODE_EVAL), &info) == SSP_OK);
  CHECK(info.mode == SSP_MODE_EVAL);
}

TEST_CASE_METHOD(Tables, "the same numbers are not drawn twice in one call") {
  Window window(host, step_at(0), 2, index_of({5, 6}), 2);
  ssp_call* root = window.call();
  ssp_tensor out{};
  per_sample(root, "mask", 2, 3);
  CHECK(rng.per_sample(root, text("mask"), 2, 5, &out) == SSP_E_ARGUMENT);
  CHECK_THAT(error_text(), Contains("per_sample('mask')") && Contains("fork the call with a site of its own"));
  // Two forks of one site: views of their own, and one that both have.
  per_sample(fork(root, "q", {0}), "mask", 2, 3);
  per_sample(fork(root, "q", {1}), "mask", 2, 3);
  CHECK(rng.per_sample(fork(root, "q", {1}), text("mask"), 2, 3, &out) == SSP_E_ARGUMENT);
  CHECK_THAT(error_text(), Contains("for view 1"));
  per_sample(fork(root, "q", {}), "mask", 2, 3);
  CHECK(rng.per_sample(fork(root, "q", {}), text("mask"), 9, 3, &out) == SSP_E_ARGUMENT);
  const ssp_tensor like = give(host, at::zeros({1}));
  ssp_value generator{};
  REQUIRE(rng.generator(root, text("noise"), 1, SSP_RNG_RANK, like, &generator) == SSP_OK);
  REQUIRE(rng.generator(root, text("noise"), 2, SSP_RNG_RANK, like, &generator) == SSP_OK);
  CHECK(rng.generator(root, text("noise"), 1, SSP_RNG_RANK, like, &generator) == SSP_E_ARGUMENT);
  CHECK_THAT(error_text(), Contains("generator('noise')") && Contains("with index 1"));
  release(like);
  const ssp_fork nameless{sizeof nameless, 0, {nullptr, 0}, nullptr, 0, 0};
  ssp_call* child;
  CHECK(calls.fork(root, &nameless, &child) == SSP_E_ARGUMENT);
  CHECK_THAT(error_text(), Contains("the site is empty"));
}

TEST_CASE_METHOD(Tables, "a run that is asked to stop says so in a call") {
  bool stop = false;
  Environment run;
  uint32_t told = 9;
  {
    Window window(host);
    REQUIRE(calls.stop_requested(window.call(), &told) == SSP_OK);
    CHECK(told == 0);
  }
  run.stop_requested = [&] { return stop; };
  host.set_environment(run);
  Window window(host);
  REQUIRE(calls.stop_requested(window.call(), &told) == SSP_OK);
  CHECK(told == 0);
  stop = true;
  REQUIRE(calls.stop_requested(window.call(), &told) == SSP_OK);
  CHECK(told == 1);
}

TEST_CASE_METHOD(Tables, "recorded noise replaces drawn noise in tests") {
  Window window(host, step_at(0), 2, index_of({5, 6}));
  replace_per_sample([](std::string_view site, int64_t rows, int64_t n) {
    return at::full({rows, n}, site == "mask" ? 0.25 : 0.75);
  });
  CHECK(per_sample(window.call(), "mask", 2, 3)[1][2].item<float>() == 0.25f);
  replace_per_sample({});
  CHECK(per_sample(fork(window.call(), "again", {0}), "mask", 2, 3)[1][2].item<float>() != 0.25f);
}

TEST_CASE_METHOD(Tables, "generators are functions of their key and die with the call") {
  ssp_op normal = nullptr;
  REQUIRE(resolve_in_init(host, "aten::randn", "generator", "size,generator", &normal) == SSP_OK);
  const auto draw = [&](ssp_call* call, const char* site, uint64_t index, uint32_t scope) {
    const ssp_tensor like = give(host, at::zeros({1}));
    ssp_value args[2] = {{SSP_V_INTS, 1, {}}, {}};
    const int64_t size = 8;
    args[0].u.ints = &size;
    REQUIRE(rng.generator(call, text(site), index, scope, like, &args[1]) == SSP_OK);
    ssp_value out{};
    uint32_t n = 1;
    REQUIRE(ops.call(normal, args, 2, &out, &n) == SSP_OK);
    release(like);
    return take(out.u.tensor);
  };
  at::Tensor first, shared;
  ssp_value kept{};
  {
    Window window(host, step_at(3));
    first = draw(window.call(), "noise", 0, SSP_RNG_RANK);
    shared = draw(window.call(), "noise", 0, SSP_RNG_SHARED);
    CHECK_FALSE(at::equal(draw(window.call(), "noise", 1, SSP_RNG_RANK), first));
    CHECK_FALSE(at::equal(draw(window.call(), "other", 0, SSP_RNG_RANK), first));
    CHECK_FALSE(at::equal(draw(fork(window.call(), "teacher", {}), "noise", 0, SSP_RNG_RANK), first));
    CHECK_FALSE(at::equal(shared, first));
  }
  {
    Window window(host, step_at(3));
    CHECK(at::equal(draw(window.call(), "noise", 0, SSP_RNG_RANK), first));
    const ssp_tensor like = give(host, at::zeros({1}));
    REQUIRE(rng.generator(window.call(), text("kept"), 0, SSP_RNG_RANK, like, &kept) == SSP_OK);
    release(like);
  }
  const test::Place second(1, 2);
  host.set_environment({.group = &second});
  Window window(host, step_at(3));
  CHECK(at::equal(draw(window.call(), "noise", 0, SSP_RNG_SHARED), shared));
  CHECK_FALSE(at::equal(draw(window.call(), "noise", 0, SSP_RNG_RANK), first));
  const int64_t size = 8;
  ssp_value args[2] = {{SSP_V_INTS, 1, {}}, kept};
  args[0].u.ints = &size;
  ssp_value out{};
  uint32_t n = 1;
  CHECK(ops.call(normal, args, 2, &out, &n) == SSP_E_ARGUMENT);
  CHECK_THAT(error_text(), Contains("generator"));
}

TEST_CASE("a CPU generator's seed keeps both halves of the key") {
  CHECK(Generators::seed_for(at::kCPU, 0x1'00000002) != Generators::seed_for(at::kCPU, 0x2'00000002));
  CHECK(Generators::seed_for(at::kCPU, 0x1'00000002) <= 0xffffffff);
}

TEST_CASE_METHOD(Tables, "collectives of one process are copies, with the gradient that was asked for") {
  Window window(host);
  at::Tensor x = at::arange(6).to(at::kFloat).reshape({3, 2}).set_requires_grad(true);
  const ssp_tensor h = give(host, x);
  CHECK(dist.rank(window.call()) == 0);
  CHECK(dist.world(window.call()) == 1);
  ssp_tensor out{};
  for (uint32_t grad : {SSP_GRAD_NONE, SSP_GRAD_LOCAL_SLICE, SSP_GRAD_REDUCE_SCATTER}) {
    REQUIRE(dist.all_gather(window.call(), h, grad, &out) == SSP_OK);
    const at::Tensor y = take(out);
    CHECK(at::equal(y, x));
    CHECK(y.requires_grad() == (grad != SSP_GRAD_NONE));
    CHECK_FALSE(y.is_alias_of(x));
    if (!y.requires_grad()) continue;
    (y * y).sum().backward();
    CHECK(at::equal(x.grad(), 2 * x.detach()));
    x.mutable_grad() = at::Tensor();
  }
  CHECK(dist.all_gather(window.call(), h, SSP_GRAD_SUM, &out) == SSP_E_ARGUMENT);
  for (uint32_t op : {SSP_REDUCE_SUM, SSP_REDUCE_AVG, SSP_REDUCE_MAX, SSP_REDUCE_MIN}) {
    REQUIRE(dist.all_reduce(window.call(), h, op, SSP_GRAD_NONE, &out) == SSP_OK);
    CHECK(at::equal(take(out), x));
  }
  CHECK(dist.all_reduce(window.call(), h, SSP_REDUCE_MAX, SSP_GRAD_SUM, &out) == SSP_E_ARGUMENT);
  REQUIRE(dist.all_reduce(window.call(), h, SSP_REDUCE_SUM, SSP_GRAD_SUM, &out) == SSP_OK);
  CHECK(take(out).requires_grad());
  REQUIRE(dist.broadcast(window.call(), h, 0, &out) == SSP_OK);
  CHECK(at::equal(take(out), x));
  CHECK(dist.broadcast(window.call(), h, 1, &out) == SSP_E_ARGUMENT);
  release(h);
}

TEST_CASE_METHOD(Tables, "batch norm follows the mode of the call") {
  const bool train = GENERATE(true, false);
  const bool recording = GENERATE(true, false);
  Step s;
  s.mode = train ? Mode::train : Mode::eval;
  Window window(host, s);
  c10::AutoGradMode grad(recording);
  const at::Tensor x = at::randn({5, 3, 2});
  at::Tensor w = at::rand({3}).set_requires_grad(true), b = at::rand({3}).set_requires_grad(true);
  at::Tensor mean = at::rand({3}), var = at::rand({3}) + 0.5, count = at::zeros({}, at::kLong);
  at::Tensor mean2 = mean.clone(), var2 = var.clone();
  std::vector<ssp_tensor> h;
  for (const at::Tensor& t : {x, w, b, mean, var, count}) h.push_back(give(host, t));
  ssp_tensor out{};
  ssp_batch_norm_args args{sizeof args, SSP_SYNC_AS_RUN, h[0], h[1], h[2], h[3], h[4], h[5], 0.2, 1e-3};
  REQUIRE(norm.forward(window.call(), &args, &out) == SSP_OK);
  const at::Tensor y = take(out);
  const at::Tensor expected = at::batch_norm(x, w, b, mean2, var2, train, 0.2, 1e-3, false);
  CHECK(at::allclose(y, expected));
  CHECK(y.requires_grad() == recording);
  CHECK(at::equal(mean, mean2));
  CHECK(at::equal(var, var2));
  CHECK(count.item<int64_t>() == (train ? 1 : 0));
  // Without running statistics, those of the batch, in both modes; without weights too.
  args = {sizeof args, SSP_SYNC_LOCAL, h[0], {0}, {0}, {0}, {0}, {0}, 0.2, 1e-3};
  REQUIRE(norm.forward(window.call(), &args, &out) == SSP_OK);
  CHECK(at::allclose(take(out), at::batch_norm(x, {}, {}, {}, {}, true, 0.2, 1e-3, false)));
  args.mean = h[3];
  CHECK(norm.forward(window.call(), &args, &out) == SSP_E_ARGUMENT);
  CHECK_THAT(error_text(), Contains("together or not at all"));
  args.mean = {0};
  const ssp_tensor one = give(host, at::zeros({1, 3}));
  args.x = one;
  CHECK(norm.forward(window.call(), &args, &out) == SSP_E_ARGUMENT);
  CHECK_THAT(error_text(), Contains("one value a channel"));
  const ssp_tensor short_weight = give(host, at::zeros({2}));
  args = {sizeof args, SSP_SYNC_LOCAL, h[0], short_weight, {0}, {0}, {0}, h[5], 0.2, 1e-3};
  const int64_t seen = count.item<int64_t>();
  CHECK(norm.forward(window.call(), &args, &out) == SSP_E_OP);
  CHECK_THAT(error_text(), Contains("batch_norm: ") && Contains("weight"));
  CHECK(count.item<int64_t>() == seen);
  args.weight = {0};
  args.count = h[3];
  CHECK(norm.forward(window.call(), &args, &out) == SSP_E_ARGUMENT);
  CHECK_THAT(error_text(), Contains("count must be i64 of no dimension"));
  args.struct_size = 16;
  CHECK(norm.forward(window.call(), &args, &out) == SSP_E_ARGUMENT);
  CHECK_THAT(error_text(), Contains("ssp_batch_norm_args.struct_size is 16"));
  for (ssp_tensor t : {one, short_weight}) release(t);
  for (ssp_tensor t : h) release(t);
}

}  // namespace selfsup::bridge::testing
