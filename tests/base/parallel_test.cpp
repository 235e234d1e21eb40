#include "base/parallel.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

namespace selfsup {

TEST_CASE("every work is done once, by any number of threads") {
  for (const int threads : {0, 1, 3, 50})
    for (const int64_t count : {0, 1, 2, 1000}) {
      std::vector<std::atomic<int>> done(static_cast<size_t>(count));
      std::atomic<int> told = 0;
      parallel_for(
          count, threads, [&](int64_t i) { ++done[static_cast<size_t>(i)]; }, [&](int64_t) { ++told; });
      for (const auto& times : done) CHECK(times == 1);
      CHECK((told > 0 || count == 0));
    }
}

TEST_CASE("what a work throws comes out, and what has not begun is left out") {
  std::atomic<int64_t> begun = 0;
  const auto work = [&](int64_t i) {
    ++begun;
    if (i == 5) throw std::runtime_error("five");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
  CHECK_THROWS_WITH(parallel_for(100000, 3, work), "five");
  CHECK(begun < 50000);
}

TEST_CASE("what the caller throws meanwhile ends the work") {
  struct Stop {};
  std::atomic<int64_t> begun = 0;
  const auto work = [&](int64_t) {
    ++begun;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
  CHECK_THROWS_AS(parallel_for(100000, 3, work,
                               [&](int64_t done) {
                                 if (done > 0) throw Stop();
                               }),
                  Stop);
  CHECK(begun < 50000);
}

}  // namespace selfsup
