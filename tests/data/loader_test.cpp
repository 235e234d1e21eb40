#include "data/loader/loader.h"

#include <dirent.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>
#include <limits>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "base/errors.h"
#include "base/random.h"
#include "data/datasets/shapes.h"
#include "data/support/loader.h"
#include "data/support/pipeline.h"
#include "data/support/support.h"

namespace selfsup::data {
namespace {

using Catch::Matchers::Contains;
using namespace test;

Json json(const std::string& text) { return resolved(text); }

// Leaves a field that depends on the draws, and one a view.
struct Marks : Transform {
  void apply(Sample& sample, SampleRandom& random) const override {
    const double value = random.uniform();
    Field field{"value", -1, FieldType::f64, {}, std::vector<std::byte>(8)};
    std::memcpy(field.bytes.data(), &value, 8);
    sample.set_field(field);
    for (size_t v = 0; v < sample.views.size(); ++v)
      sample.set_field({"mask",
                        static_cast<int>(v),
                        FieldType::boolean,
                        {2, 3},
                        std::vector<std::byte>(6, std::byte(random.below(2)))});
  }
};

Pipeline two_views() {
  const TransformFactory factory = [](const Json&) { return std::make_unique<Marks>(); };
  return Pipeline(json(R"([{"type": "MultiView", "num_views": [1, 1], "transforms": [
    [{"type": "RandomResizedCrop", "size": 24}, {"type": "RandomFlip"}],
    [{"type": "RandomCrop", "size": 16, "padding": 2}]]}, {"type": "Marks"}])"),
                  factory);
}

}  // namespace

TEST_CASE("batches are the same for any number of workers") {
  const ShapesDataset set(53, 32, 1);
  const Pipeline pipeline = two_views();
  for (bool drop_last : {false, true}) {
    LoaderOptions options{.batch_size = 8, .drop_last = drop_last, .seed = 5};
    std::vector<std::vector<std::string>> want;
    for (int workers : {0, 1, 2, 4}) {
      INFO(workers << " workers");
      options.num_workers = workers;
      options.prefetch = 1 + workers;
      Loader loader(set, pipeline, options);
      CHECK(loader.batches_per_epoch() == (drop_last ? 6 : 7));
      CHECK(loader.samples_per_epoch() == (drop_last ? 48 : 53));
      std::vector<std::vector<std::string>> got;
      for (uint64_t epoch : {0, 1, 4}) got.push_back(epoch_of(loader, epoch));
      CHECK(got[0].size() == static_cast<size_t>(loader.batches_per_epoch()));
      CHECK(got[0] != got[1]);
      if (workers == 0)
        want = got;
      else
        CHECK(got == want);
    }
  }
}

TEST_CASE("a batch holds what its parts say") {
  const ShapesDataset set(10, 32, 1);
  const Pipeline pipeline = two_views();
  Loader loader(set, pipeline, {.batch_size = 4, .num_workers = 2, .seed = 5});
  loader.start(2);
  Batch batch;
  int64_t seen = 0;
  while (loader.next(batch)) {
    REQUIRE(batch.views.size() == 2);
    CHECK(batch.views[0].height == 24);
    CHECK(batch.views[1].width == 16);
    REQUIRE(batch.fields.size() == 3);
    CHECK(batch.fields[0].name == "mask");
    CHECK(batch.fields[0].view == 0);
    CHECK(batch.fields[0].sizes == std::vector<int64_t>{batch.size, 2, 3});
    CHECK(batch.fields[1].view == 1);
    CHECK(batch.fields[2].name == "value");
    CHECK(batch.fields[2].sizes == std::vector<int64_t>{batch.size});
    for (int64_t row = 0; row < batch.size; ++row) {
      const int64_t index = batch.sample_index[static_cast<size_t>(row)];
      CHECK(batch.labels[static_cast<size_t>(row)] == set.label(index));
      Sample sample;
      set.load(index, sample.start(index, -1, 2));
      SampleRandom random(5, 2, index);
      pipeline.apply(sample, random);
      for (size_t v = 0; v < 2; ++v) {
        const std::vector<uint8_t>& want = sample.views[v].image().pixels;
        CHECK(
            std::equal(want.begin(), want.end(), batch.views[v].pixels.get() + static_cast<size_t>(row) * want.size()));
      }
      ++seen;
    }
  }
  CHECK(seen == 10);
}

TEST_CASE("workers go on into the next epoch, or rest at the end of theirs until it is started") {
  class Counting : public ShapesDataset {
   public:
    using Dataset::load;
    using ShapesDataset::ShapesDataset;
    void load(int64_t index, Image& out) const override {
      ++loads;
      ShapesDataset::load(index, out);
    }
    mutable std::atomic<int64_t> loads{0};
  };
  const Pipeline pipeline;
  for (const int workers : {0, 1, 3}) {
    INFO(workers);
    const Counting set(12, 8, 1);
    const ShapesDataset same(12, 8, 1);
    Loader loader(set, pipeline, {.batch_size = 4, .num_workers = workers, .seed = 3, .prefetch = 4});
    Loader free(same, pipeline, {.batch_size = 4, .num_workers = workers, .seed = 3, .prefetch = 4});
    Batch batch, other;
    for (uint64_t epoch = 0; epoch < 3; ++epoch) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));  // for workers that go too far
      CHECK(set.loads == static_cast<int64_t>(12 * epoch));
      loader.start(epoch, 0, false);
      free.start(epoch);
      while (free.next(other)) {
        REQUIRE(loader.next(batch));
        CHECK(batch.sample_index == other.sample_index);
      }
      CHECK_FALSE(loader.next(batch));
    }
    // An epoch that is entered in its middle, and then the next one without a rest.
    loader.start(5, 2, false);
    REQUIRE(loader.next(batch));
    loader.start(6, 0, true);
    while (loader.next(batch)) continue;
    const auto before = set.loads.load();
    for (int i = 0; workers > 0 && i < 1000 && set.loads == before && before <= 36 + 4 + 12; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    if (workers > 0) CHECK(set.loads > 36 + 4 + 12);
  }
}

TEST_CASE("an epoch starts at any batch and goes on as if it had not stopped") {
  const ShapesDataset set(40, 32, 1);
  const Pipeline pipeline = two_views();
  LoaderOptions options{.batch_size = 6, .seed = 9};
  Loader reference(set, pipeline, options);
  const std::vector<std::string> whole = epoch_of(reference, 3);
  for (int workers : {0, 3})
    for (int64_t first = 0; first <= reference.batches_per_epoch(); ++first) {
      options.num_workers = workers;
      Loader loader(set, pipeline, options);
      CHECK(epoch_of(loader, 3, first) == std::vector<std::string>(whole.begin() + first, whole.end()));
    }
  // Away in the middle of an epoch, and back.
  options.num_workers = 3;
  Loader loader(set, pipeline, options);
  Batch batch;
  loader.start(0);
  REQUIRE(loader.next(batch));
  CHECK(epoch_of(loader, 3, 2) == std::vector<std::string>(whole.begin() + 2, whole.end()));
  CHECK(epoch_of(loader, 3) == whole);
}

TEST_CASE("ranks share an epoch") {
  const ShapesDataset set(23, 32, 1);
  const Pipeline pipeline;
  std::map<int64_t, int> seen;
  for (int rank = 0; rank < 3; ++rank) {
    Loader loader(set, pipeline, {.batch_size = 4, .num_workers = 1, .shard = {rank, 3}});
    CHECK(loader.samples_per_epoch() == 8);
    loader.start(0);
    Batch batch;
    while (loader.next(batch))
      for (int64_t i : batch.sample_index) ++seen[i];
  }
  CHECK(seen.size() == 23);
}

TEST_CASE("a buffer that is held is not written to, free ones are used again") {
  const ShapesDataset set(64, 32, 1);
  const Pipeline pipeline;
  std::atomic<int> allocations = 0;
  std::mutex mutex;
  std::set<const uint8_t*> given;
  const Allocator allocator = [&](size_t bytes) {
    ++allocations;
    const std::lock_guard lock(mutex);
    const auto memory = allocate_pageable(bytes);
    given.insert(memory.get());
    return memory;
  };
  std::vector<Batch> held;
  std::vector<std::string> contents;
  {
    Loader loader(set, pipeline, {.batch_size = 10, .num_workers = 2}, reusing(allocator));
    Batch batch;
    for (uint64_t epoch = 0; epoch < 20; ++epoch) {
      loader.start(epoch);
      while (loader.next(batch)) {
        CHECK(given.count(batch.views[0].pixels.get()) == 1);
        CHECK(reinterpret_cast<uintptr_t>(batch.views[0].pixels.get()) % 64 == 0);
        if (epoch == 0 && held.size() < 3) {
          held.push_back(batch);
          contents.push_back(content(batch));
        }
      }
    }
    CHECK(allocations <= 3 + 2 + 2);  // held, in the making, the consumer's own
  }
  for (size_t i = 0; i < held.size(); ++i) CHECK(content(held[i]) == contents[i]);  // the loader is gone
}

TEST_CASE("errors of workers come out of next()") {
  const auto make = [](int64_t i, Image& out) {
    if (i == 30) throw std::runtime_error("boom");
    plain(i, out);
    if (i == 17) out.reshape(3, 2, 1);
  };
  const MadeUp set(40, make);
  const Pipeline pipeline;
  for (int workers : {0, 1, 3}) {
    INFO(workers << " workers");
    Loader loader(set, pipeline, {.batch_size = 10, .num_workers = workers, .shuffle = false});
    Batch batch;
    loader.start(0);
    REQUIRE(loader.next(batch));
    CHECK_THROWS_WITH(loader.next(batch), Contains("made up 17") || Contains("3 x 2"));
    REQUIRE(loader.next(batch));
    CHECK(batch.sample_index[0] == 20);
    CHECK_THROWS_WITH(loader.next(batch), Contains("boom"));
    CHECK_FALSE(loader.next(batch));
    loader.start(0);
    CHECK(loader.next(batch));
  }
}

TEST_CASE("an allocator that fails is an error of the batch, not of the process") {
  const MadeUp set(40, plain);
  const Pipeline pipeline;
  std::atomic<bool> fail = true;
  const Allocator allocator = [&](size_t bytes) {
    if (fail) throw std::bad_alloc();
    return allocate_pageable(bytes);
  };
  Loader loader(set, pipeline, {.batch_size = 10, .num_workers = 2}, allocator);
  Batch batch;
  loader.start(0);
  CHECK_THROWS_AS(loader.next(batch), std::bad_alloc);
  fail = false;
  loader.start(1);
  CHECK(epoch_of(loader, 2).size() == 4);
}

TEST_CASE("an epoch without a batch, an empty share") {
  const MadeUp set(5, plain);
  const Pipeline pipeline;
  CHECK_THROWS_WITH(Loader(set, pipeline, {.batch_size = 6, .drop_last = true}), Contains("drop_last"));
  Loader loader(set, pipeline, {.batch_size = 6, .num_workers = 1});
  CHECK(epoch_of(loader, 0).size() == 1);
  CHECK(epoch_of(loader, 0, 1).empty());
}

TEST_CASE("workers take no signals") {
  const MadeUp set(1000, plain);
  const Pipeline pipeline;
  Loader loader(set, pipeline, {.batch_size = 4, .num_workers = 3});
  loader.start(0);
  Batch batch;
  REQUIRE(loader.next(batch));
  int others = 0;
  DIR* tasks = opendir("/proc/self/task");
  REQUIRE(tasks != nullptr);
  while (const dirent* entry = readdir(tasks)) {
    if (entry->d_name[0] == '.' || std::stoi(entry->d_name) == getpid()) continue;
    std::ifstream status("/proc/self/task/" + std::string(entry->d_name) + "/status");
    std::string line;
    while (std::getline(status, line))
      if (line.rfind("SigBlk:", 0) == 0) {
        const uint64_t blocked = std::stoull(line.substr(7), nullptr, 16);
        for (int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) CHECK((blocked >> (signal - 1) & 1) == 1);
        ++others;
      }
  }
  closedir(tasks);
  CHECK(others >= 3);
  sigset_t own;
  pthread_sigmask(SIG_BLOCK, nullptr, &own);
  CHECK(sigismember(&own, SIGTERM) == 0);
}

}  // namespace selfsup::data
