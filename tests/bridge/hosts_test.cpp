// Two hosts in one process: each with its own registry, store, handles and operators.
#include <filesystem>
#include <memory>
#include <thread>
#include <vector>

#include "bridge/support/world.h"

namespace selfsup::bridge::testing {
namespace {

using Catch::Contains;

// The probe once more, as another file: what one dlopens twice is one library, with one set of static variables.
struct Copy {
  std::string path = (std::filesystem::temp_directory_path() / "bridge_probe_copy.so").string();
  Copy() { std::filesystem::copy_file(SELFSUP_BRIDGE_PROBE, path, std::filesystem::copy_options::overwrite_existing); }
  ~Copy() { std::filesystem::remove(path); }
};

ssp_value tensor(ssp_tensor t) {
  ssp_value v{SSP_V_TENSOR, 0, {}};
  v.u.tensor = t;
  return v;
}

}  // namespace

TEST_CASE("two hosts train side by side, and do not know each other") {
  const Copy copy;
  World a, b(copy.path);
  a.host.set_environment({.seed = 1});
  b.host.set_environment({.seed = 2});
  auto first = a.make();
  const int64_t idle_a = a.host.live_handles();
  auto second = b.make();
  b.store.initialise(2);
  CHECK(a.host.live_handles() == idle_a);
  const StepBatch batch = World::batch();
  const auto expected = [&](World& w) {
    const at::Tensor weight = w.store.find("backbone.weight")->tensor.detach();
    return at::mm(at::mm(batch.views[0].reshape({3, 16}), weight), at::ones({8, 1})).pow(2).mean();
  };
  for (int i = 0; i < 3; ++i) {
    const at::Tensor one = first->training_step({}, batch)[0].value, two = second->training_step({}, batch)[0].value;
    CHECK(at::allclose(one.detach(), expected(a)));
    CHECK(at::allclose(two.detach(), expected(b)));
    CHECK_FALSE(at::equal(one, two));
  }
  second.reset();
  CHECK(b.host.live_handles() == 0);
  CHECK_NOTHROW(first->training_step({}, batch));
}

TEST_CASE("what is of one host is refused by another") {
  Host a, b;
  const auto& ops = extension<ssp_ops>(a, SSP_EXT_OPS);
  const auto& rng = extension<ssp_rng>(a, SSP_EXT_RNG);
  ssp_op mean = nullptr;
  REQUIRE(resolve_in_init(a, "aten::mean", "", "self", &mean) == SSP_OK);
  const ssp_tensor mine = give(a, at::ones({2})), other = give(b, at::ones({3}));
  Window window(a), elsewhere(b);
  const ssp_value args[] = {tensor(other)};
  CHECK(ops.call(mean, args, 1, nullptr, nullptr) == SSP_E_HANDLE);
  CHECK_THAT(error_text(), Contains("aten::mean") && Contains("of another host"));
  ssp_value drawn{};
  CHECK(rng.generator(window.call(), text("x"), 0, SSP_RNG_RANK, other, &drawn) == SSP_E_HANDLE);
  CHECK(rng.generator(elsewhere.call(), text("x"), 0, SSP_RNG_RANK, other, &drawn) == SSP_OK);
  // Of a handle alone, any host's table finds the host.
  auto info = sized<ssp_tensor_info>();
  REQUIRE(ops.info(other, &info) == SSP_OK);
  CHECK(info.numel == 3);
  CHECK(ops.release(other) == SSP_OK);
  CHECK(b.live_handles() == 0);
  CHECK(a.live_handles() == 1);
  release(mine);
}

TEST_CASE("an operator and a handle of a host that has shut down are refused") {
  ssp_op mean = nullptr;
  ssp_tensor mine, other;
  ssp_call* call;
  Host b;
  const auto& ops = extension<ssp_ops>(b, SSP_EXT_OPS);
  {
    Host a;
    REQUIRE(resolve_in_init(a, "aten::mean", "", "self", &mean) == SSP_OK);
    mine = give(a, at::ones({2}));
    Window window(a);
    call = window.call();
  }
  other = give(b, at::ones({2}));
  Window window(b);
  const ssp_value args[] = {tensor(other)};
  CHECK(ops.call(mean, args, 1, nullptr, nullptr) == SSP_E_PRECONDITION);
  CHECK_THAT(error_text(), Contains("has shut down"));
  auto info = sized<ssp_tensor_info>();
  CHECK(ops.info(mine, &info) == SSP_E_PRECONDITION);
  CHECK(ops.release(mine) == SSP_OK);
  CHECK(ops.grad_push(call, 0) == SSP_E_PRECONDITION);
  release(other);
}

TEST_CASE("a process has room for 255 hosts, and for more in turn") {
  std::vector<std::unique_ptr<Host>> hosts;
  for (int i = 0; i < 255; ++i) hosts.push_back(std::make_unique<Host>());
  CHECK_THROWS_WITH(Host(), Contains("255 hosts are alive"));
  const ssp_tensor last = give(*hosts.back(), at::ones({1}));
  CHECK(peek(last).numel() == 1);
  hosts.erase(hosts.begin());
  CHECK_NOTHROW(Host());
}

TEST_CASE_METHOD(World, "the main thread is the one that runs the callback, whoever made the host") {
  auto algorithm = make();
  std::thread([&] { CHECK_NOTHROW(algorithm->training_step({}, batch())); }).join();
  CHECK_NOTHROW(algorithm->training_step({}, batch()));
  const int64_t idle = host.live_handles();
  std::thread([&] { CHECK_NOTHROW(algorithm->training_step({}, batch())); }).join();
  CHECK(host.live_handles() == idle);
}

}  // namespace selfsup::bridge::testing
