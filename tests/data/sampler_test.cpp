#include "data/loader/sampler.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "base/random.h"

namespace selfsup::data {
namespace {

std::vector<int64_t> epoch_of(const Sampler& sampler, uint64_t epoch) {
  const std::vector<int64_t> order = sampler.order(epoch);
  std::vector<int64_t> all;
  for (int64_t b = 0; b < sampler.batches(); ++b)
    for (int64_t i : sampler.batch(order, b)) all.push_back(i);
  return all;
}

}  // namespace

TEST_CASE("an epoch covers the set, evenly among ranks, whatever the sizes") {
  KeyedRandom random(3);
  for (int trial = 0; trial < 300; ++trial) {
    const int64_t size = 1 + static_cast<int64_t>(random.below(200));
    const int world = 1 + static_cast<int>(random.below(9));
    const int64_t batch = 1 + static_cast<int64_t>(random.below(40));
    const uint64_t seed = random.next(), epoch = random.below(1000);
    INFO("size " << size << " world " << world << " batch " << batch);
    std::map<int64_t, int> seen;
    std::vector<std::vector<int64_t>> ranks;
    for (int rank = 0; rank < world; ++rank) {
      Sampler::Options options{.size = size, .batch_size = batch, .seed = seed, .shard = {rank, world}};
      const Sampler sampler(options);
      const std::vector<int64_t> all = epoch_of(sampler, epoch);
      REQUIRE(static_cast<int64_t>(all.size()) == sampler.shard_size());
      REQUIRE(sampler.shard_size() == (size + world - 1) / world);
      REQUIRE(sampler.batches() == (sampler.shard_size() + batch - 1) / batch);
      for (int64_t i : all) ++seen[i];
      ranks.push_back(all);

      options.drop_last = true;
      const Sampler dropping(options);
      REQUIRE(dropping.batches() == sampler.shard_size() / batch);
      const std::vector<int64_t> fewer = epoch_of(dropping, epoch);
      REQUIRE(static_cast<int64_t>(fewer.size()) == dropping.batches() * batch);
      REQUIRE(std::equal(fewer.begin(), fewer.end(), all.begin()));

      // Any batch by itself, in any order.
      const int64_t b = static_cast<int64_t>(random.below(static_cast<uint64_t>(sampler.batches())));
      const std::vector<int64_t> one =
          Sampler(Sampler::Options{.size = size, .batch_size = batch, .seed = seed, .shard = {rank, world}})
              .batch(sampler.order(epoch), b);
      REQUIRE(std::equal(one.begin(), one.end(), all.begin() + b * batch));
    }
    // Everything comes up; padding repeats, and repeats as evenly as it can.
    REQUIRE(static_cast<int64_t>(seen.size()) == size);
    int least = 1 << 30, most = 0;
    for (const auto& [index, times] : seen) {
      REQUIRE(index >= 0);
      REQUIRE(index < size);
      least = std::min(least, times), most = std::max(most, times);
    }
    REQUIRE(most - least <= 1);
    // Dealt one by one: rank r's i-th picture is place r + i * world of the order that one rank would see.
    const std::vector<int64_t> whole = epoch_of(Sampler({.size = size, .batch_size = batch, .seed = seed}), epoch);
    for (int rank = 0; rank < world; ++rank)
      for (size_t i = 0; i < ranks[static_cast<size_t>(rank)].size(); ++i)
        REQUIRE(ranks[static_cast<size_t>(rank)][i] ==
                whole[(static_cast<size_t>(rank) + i * static_cast<size_t>(world)) % whole.size()]);
  }
}

// The ranks' batches with one number, put together, are the images of a batch that one process would have, whatever the
// number of ranks: by it the images that an optimizer step sees are decided, and their order over the run.
TEST_CASE("any number of ranks go through a set in one order, each image once, padding aside") {
  constexpr int64_t size = 100'003;
  const std::vector<int64_t> order = Sampler({.size = size, .seed = 5}).order(3);
  for (const int world : {1, 2, 3, 7, 64, 1024, 4096}) {
    INFO(world);
    constexpr int64_t batch = 4;
    std::vector<Sampler> ranks;
    for (int rank = 0; rank < world; ++rank)
      ranks.emplace_back(Sampler::Options{.size = size, .batch_size = batch, .seed = 5, .shard = {rank, world}});
    REQUIRE(ranks.back().order(3) == order);
    std::vector<int64_t> shown;
    for (int64_t b = 0; b < ranks.front().batches(); ++b) {
      std::vector<std::vector<int64_t>> of_ranks;
      for (const Sampler& rank : ranks) of_ranks.push_back(rank.batch(order, b));
      for (size_t i = 0; i < of_ranks.front().size(); ++i)
        for (const auto& indices : of_ranks) shown.push_back(indices.at(i));
    }
    const int64_t padded = (size + world - 1) / world * world;
    REQUIRE(static_cast<int64_t>(shown.size()) == padded);
    REQUIRE(std::equal(order.begin(), order.end(), shown.begin()));
    // Padding is the beginning of the order once more.
    REQUIRE(std::equal(shown.begin() + size, shown.end(), order.begin()));
  }
}

TEST_CASE("the order depends on seed and epoch, and is uniform") {
  const auto first = [](uint64_t seed, uint64_t epoch) {
    return epoch_of(Sampler({.size = 50, .batch_size = 7, .seed = seed}), epoch);
  };
  CHECK(first(1, 0) == first(1, 0));
  CHECK(first(1, 0) != first(1, 1));
  CHECK(first(1, 0) != first(2, 0));
  // Each of the 24 orders of four, 12,000 times: 500 on average; chi-squared with 23 degrees of freedom stays below 60
  // with probability 0.99996, and the draws are fixed.
  std::map<std::vector<int64_t>, int> counts;
  const Sampler sampler({.size = 4, .batch_size = 4, .seed = 9});
  for (uint64_t epoch = 0; epoch < 12000; ++epoch) ++counts[sampler.order(epoch)];
  CHECK(counts.size() == 24);
  double chi = 0;
  for (const auto& [order, count] : counts) chi += (count - 500.0) * (count - 500.0) / 500.0;
  CHECK(chi < 60);
}

TEST_CASE("without shuffling the order is that of the set") {
  const Sampler sampler({.size = 5, .batch_size = 2, .shard = {1, 2}, .shuffle = false});
  CHECK(epoch_of(sampler, 3) == std::vector<int64_t>{1, 3, 0});
}

}  // namespace selfsup::data
