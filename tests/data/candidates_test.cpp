#include "data/loader/candidates.h"

#include <algorithm>
#include <catch2/catch.hpp>

namespace selfsup::data {
namespace {

std::vector<int64_t> all(uint64_t seed, uint64_t epoch, int64_t wanted, int64_t size) {
  Candidates candidates(seed, epoch, wanted, size);
  std::vector<int64_t> tried;
  while (const auto index = candidates.next()) tried.push_back(*index);
  return tried;
}

}  // namespace

TEST_CASE("every image is tried once, the wanted one first") {
  for (const int64_t size : {1, 2, 3, 20, 21, 22, 1000})
    for (const int64_t wanted : {int64_t{0}, size / 2, size - 1}) {
      std::vector<int64_t> tried = all(5, 2, wanted, size);
      REQUIRE(static_cast<int64_t>(tried.size()) == size);
      CHECK(tried.front() == wanted);
      std::ranges::sort(tried);
      for (int64_t i = 0; i < size; ++i) CHECK(tried[static_cast<size_t>(i)] == i);
    }
}

TEST_CASE("the order is a function of seed, epoch and image") {
  CHECK(all(5, 2, 7, 100) == all(5, 2, 7, 100));
  CHECK(all(5, 2, 7, 100) != all(6, 2, 7, 100));
  CHECK(all(5, 2, 7, 100) != all(5, 3, 7, 100));
}

}  // namespace selfsup::data
