// The loader's memory: whose it is, how much, and what happens where there is none.
#include <atomic>
#include <catch2/catch.hpp>
#include <limits>

#include "data/datasets/shapes.h"
#include "data/loader/loader.h"
#include "data/support/support.h"

namespace selfsup::data {

using Catch::Matchers::Contains;
using namespace test;

TEST_CASE("a buffer goes back to its allocator, which alone knows when it is free") {
  const ShapesDataset set(60, 32, 1);
  const Pipeline pipeline;
  for (int workers : {0, 2}) {
    std::atomic<int> back = 0;
    const Allocator allocator = [&](size_t bytes) {
      const std::shared_ptr<uint8_t> memory = allocate_pageable(bytes);
      return std::shared_ptr<uint8_t>(memory.get(), [&back, memory](uint8_t*) { ++back; });
    };
    Loader loader(set, pipeline, {.batch_size = 10, .num_workers = workers}, allocator);
    Batch batch;
    loader.start(0);
    for (int i = 0; i < 6; ++i) {
      REQUIRE(loader.next(batch));
      CHECK(back == i);  // all but the one that is held
    }
  }
}

TEST_CASE("a batch size above the set's takes the memory of the set") {
  const MadeUp set(16, plain);
  const Pipeline pipeline;
  for (int64_t size : {int64_t{17}, int64_t{1} << 40, std::numeric_limits<int64_t>::max()}) {
    size_t asked = 0;
    const Allocator allocator = [&](size_t bytes) { return allocate_pageable(asked = bytes); };
    Loader loader(set, pipeline, {.batch_size = size}, allocator);
    CHECK(loader.batches_per_epoch() == 1);
    CHECK(loader.samples_per_epoch() == 16);
    Batch batch;
    loader.start(0);
    REQUIRE(loader.next(batch));
    CHECK_FALSE(loader.next(batch));
    CHECK(asked == 16 * 4);
  }
}

TEST_CASE("what keeps a batch from being begun comes out of next(), for any number of workers") {
  const MadeUp endless(int64_t{1} << 61, plain);  // more than a vector can hold
  const Pipeline pipeline;
  for (int workers : {0, 1, 3}) {
    INFO(workers << " workers");
    Loader loader(endless, pipeline, {.batch_size = 4, .num_workers = workers});
    Batch batch;
    for (uint64_t epoch : {0, 1}) {
      loader.start(epoch);
      CHECK_THROWS_WITH(loader.next(batch), Contains("2305843009213693952 images"));
    }
  }
  // The batches before it are delivered.
  struct NoThirdBatch : MadeUp {
    using MadeUp::MadeUp;
    mutable std::atomic<int> asked = 0;  // once a batch
    bool has_labels() const override { return ++asked < 3 ? false : throw std::runtime_error("no third"); }
  };
  for (int workers : {0, 1, 3}) {
    const NoThirdBatch set(40, plain);
    Loader loader(set, pipeline, {.batch_size = 10, .num_workers = workers, .prefetch = 4});
    Batch batch;
    loader.start(0);
    REQUIRE(loader.next(batch));
    REQUIRE(loader.next(batch));
    CHECK_THROWS_WITH(loader.next(batch), "no third");
  }
}

}  // namespace selfsup::data
