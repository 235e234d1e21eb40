// Handles: stale, foreign and null ones are errors; retain and release from many threads; shutdown.
#include <thread>

#include "bridge/support/window.h"

namespace selfsup::bridge::testing {
namespace {

ssp_status status_of(const std::function<void()>& f) { return guarded(f); }

}  // namespace

TEST_CASE("null, foreign and released handles are named errors") {
  Host host;
  CHECK(status_of([] { handles::peek({0}); }) == SSP_E_HANDLE);
  CHECK(error_text().find("null") != std::string::npos);
  CHECK(status_of([] { handles::peek({0xffffffffffffffff}); }) == SSP_E_HANDLE);
  const ssp_tensor h = handles::give(at::zeros({2}));
  CHECK(status_of([] { handles::peek({7}); }) == SSP_E_HANDLE);
  CHECK(handles::peek(h).size(0) == 2);
  handles::release(h);
  CHECK(status_of([&] { handles::peek(h); }) == SSP_E_HANDLE);
  CHECK(error_text().find("already released") != std::string::npos);
  CHECK(status_of([&] { handles::release(h); }) == SSP_E_HANDLE);
  CHECK(status_of([&] { handles::retain(h); }) == SSP_E_HANDLE);
  const ssp_tensor next = handles::give(at::ones({3}));  // takes the same slot
  CHECK(static_cast<uint32_t>(next.id) == static_cast<uint32_t>(h.id));
  CHECK(status_of([&] { handles::peek(h); }) == SSP_E_HANDLE);
  CHECK(handles::peek(next).size(0) == 3);
  handles::release(next);
}

TEST_CASE("an undefined tensor has the null handle") {
  Host host;
  CHECK(handles::give({}).id == 0);
  CHECK(Host::live_handles() == 0);
}

TEST_CASE("references keep a tensor, the last one drops it") {
  Host host;
  at::Tensor t = at::zeros({2});
  const ssp_tensor h = handles::give(t);
  handles::retain(h);
  handles::release(h);
  CHECK(t.use_count() == 2);
  CHECK(Host::live_handles() == 1);
  handles::release(h);
  CHECK(t.use_count() == 1);
  CHECK(Host::live_handles() == 0);
}

TEST_CASE("retain and release from many threads lose nothing") {
  Host host;
  constexpr int kThreads = 4, kRounds = 20000;
  std::vector<ssp_tensor> shared;
  for (int i = 0; i < 16; ++i) shared.push_back(handles::give(at::zeros({1})));
  std::vector<std::thread> threads;
  std::atomic<int> failures{0};
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        const ssp_tensor h = shared[static_cast<size_t>(i + t) % shared.size()];
        failures += guarded([&] { handles::retain(h); }) != SSP_OK;
        failures += guarded([&] { handles::release(h); }) != SSP_OK;
      }
    });
  }
  for (int i = 0; i < kRounds; ++i) {  // meanwhile the owner makes and drops its own
    const ssp_tensor h = handles::give(at::Tensor(shared.empty() ? at::Tensor() : handles::peek(shared[0])));
    handles::release(h);
  }
  for (auto& t : threads) t.join();
  CHECK(failures == 0);
  CHECK(Host::live_handles() == 16);
  // The last references go elsewhere; the owner finds the slots again.
  std::thread([&] {
    for (ssp_tensor h : shared) handles::release(h);
  }).join();
  CHECK(Host::live_handles() == 0);
  for (ssp_tensor h : shared) CHECK(status_of([&] { handles::peek(h); }) == SSP_E_HANDLE);
  const ssp_tensor h = handles::give(at::zeros({1}));
  CHECK(Host::live_handles() == 1);
  handles::release(h);
}

TEST_CASE("after the host is gone, release does nothing") {
  ssp_tensor h;
  at::Tensor t = at::zeros({2});
  const ssp_ops* ops;
  {
    Host host;
    ops = &extension<ssp_ops>(host, SSP_EXT_OPS);
    h = handles::give(t);
  }
  CHECK(t.use_count() == 1);
  CHECK(ops->release(h) == SSP_OK);
  CHECK(ops->release({0x1234}) == SSP_OK);
  CHECK(ops->retain(h) == SSP_E_PRECONDITION);
  Host host;  // a later host knows nothing of it
  CHECK(ops->release(h) == SSP_E_HANDLE);
}

TEST_CASE("a second host in a process is refused") {
  Host host;
  CHECK_THROWS_WITH(Host(), Catch::Contains("second host"));
}

TEST_CASE("references are counted for whom they are taken") {
  Host host;
  int64_t mine = 0;
  int64_t* before = handles::set_account(&mine);
  const ssp_tensor h = handles::give(at::zeros({1}));
  handles::retain(h);
  CHECK(mine == 2);
  handles::set_account(before);
  handles::release(h);
  CHECK(mine == 2);
  handles::set_account(&mine);
  handles::release(h);
  CHECK(mine == 1);
  handles::set_account(before);
}

}  // namespace selfsup::bridge::testing
