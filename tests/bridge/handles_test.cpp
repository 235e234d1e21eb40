// Handles: stale, foreign and null ones are errors; retain and release from many threads; shutdown.
#include <thread>

#include "bridge/support/window.h"

namespace selfsup::bridge::testing {
namespace {

void retain(ssp_tensor handle) { Handles::of(handle).retain(handle); }

ssp_status status_of(const std::function<void()>& f) { return guarded(f); }

}  // namespace

TEST_CASE("null, foreign and released handles are named errors") {
  Host host;
  CHECK(status_of([] { peek({0}); }) == SSP_E_HANDLE);
  CHECK(error_text().find("null") != std::string::npos);
  CHECK(status_of([] { peek({0xffffffffffffffff}); }) == SSP_E_HANDLE);
  const ssp_tensor h = give(host, at::zeros({2}));
  CHECK(status_of([] { peek({7}); }) == SSP_E_HANDLE);
  CHECK(peek(h).size(0) == 2);
  release(h);
  CHECK(status_of([&] { peek(h); }) == SSP_E_HANDLE);
  CHECK(error_text().find("already released") != std::string::npos);
  CHECK(status_of([&] { release(h); }) == SSP_E_HANDLE);
  CHECK(status_of([&] { retain(h); }) == SSP_E_HANDLE);
  const ssp_tensor next = give(host, at::ones({3}));  // takes the same slot
  CHECK((next.id & 0xffffff) == (h.id & 0xffffff));
  CHECK(status_of([&] { peek(h); }) == SSP_E_HANDLE);
  CHECK(peek(next).size(0) == 3);
  release(next);
}

TEST_CASE("an undefined tensor has the null handle") {
  Host host;
  CHECK(give(host, {}).id == 0);
  CHECK(host.live_handles() == 0);
}

TEST_CASE("references keep a tensor, the last one drops it") {
  Host host;
  at::Tensor t = at::zeros({2});
  const ssp_tensor h = give(host, t);
  retain(h);
  release(h);
  CHECK(t.use_count() == 2);
  CHECK(host.live_handles() == 1);
  release(h);
  CHECK(t.use_count() == 1);
  CHECK(host.live_handles() == 0);
}

TEST_CASE("retain and release from many threads lose nothing") {
  Host host;
  constexpr int kThreads = 4, kRounds = 20000;
  std::vector<ssp_tensor> shared;
  for (int i = 0; i < 16; ++i) shared.push_back(give(host, at::zeros({1})));
  std::vector<std::thread> threads;
  std::atomic<int> failures{0};
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        const ssp_tensor h = shared[static_cast<size_t>(i + t) % shared.size()];
        failures += guarded([&] { retain(h); }) != SSP_OK;
        failures += guarded([&] { release(h); }) != SSP_OK;
      }
    });
  }
  for (int i = 0; i < kRounds; ++i) {  // meanwhile the owner makes and drops its own
    const ssp_tensor h = give(host, at::Tensor(shared.empty() ? at::Tensor() : peek(shared[0])));
    release(h);
  }
  for (auto& t : threads) t.join();
  CHECK(failures == 0);
  CHECK(host.live_handles() == 16);
  // The last references go elsewhere; the owner finds the slots again.
  std::thread([&] {
    for (ssp_tensor h : shared) release(h);
  }).join();
  CHECK(host.live_handles() == 0);
  for (ssp_tensor h : shared) CHECK(status_of([&] { peek(h); }) == SSP_E_HANDLE);
  const ssp_tensor h = give(host, at::zeros({1}));
  CHECK(host.live_handles() == 1);
  release(h);
}

TEST_CASE("after the host is gone, release does nothing") {
  ssp_tensor h;
  at::Tensor t = at::zeros({2});
  const ssp_ops* ops;
  {
    Host host;
    ops = &extension<ssp_ops>(host, SSP_EXT_OPS);
    h = give(host, t);
  }
  CHECK(t.use_count() == 1);
  CHECK(ops->release(h) == SSP_OK);
  CHECK(ops->release({0x1234}) == SSP_E_HANDLE);  // never was one
  CHECK(ops->retain(h) == SSP_E_PRECONDITION);
  Host host;  // a later host knows nothing of it
  CHECK(ops->release(h) == SSP_E_HANDLE);
}

TEST_CASE("references are counted for whom they are taken") {
  Host host;
  int64_t mine = 0;
  int64_t* before = host.state().handles.set_account(&mine);
  const ssp_tensor h = give(host, at::zeros({1}));
  retain(h);
  CHECK(mine == 2);
  host.state().handles.set_account(before);
  release(h);
  CHECK(mine == 2);
  host.state().handles.set_account(&mine);
  release(h);
  CHECK(mine == 1);
  host.state().handles.set_account(before);
}

}  // namespace selfsup::bridge::testing
