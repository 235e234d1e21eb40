// Which images an epoch shows, in which order: a function of (seed, epoch). Knows no dataset and no process.
#pragma once
#include <cstdint>
#include <vector>

namespace selfsup::data {

// One of `count` equal parts of a set. Each process of a run takes one.
struct Shard {
  int index = 0, count = 1;
};

// The set's order in an epoch is permuted (or kept), repeated from its start until a multiple of the number of shards,
// and dealt to them one by one; the shard is cut into batches.
class Sampler {
 public:
  struct Options {
    int64_t size = 0;  // images in the set, > 0
    int64_t batch_size = 1;
    uint64_t seed = 0;  // equal for all shards
    Shard shard = {};
    bool shuffle = true;
    bool drop_last = false;  // leave out a last batch that is not full
  };
  explicit Sampler(const Options& options);

  int64_t shard_size() const { return shard_size_; }          // images of an epoch in each shard, the same in all
  int64_t batches() const { return batches_; }                // batches of an epoch in each shard
  int64_t batch_size() const { return options_.batch_size; }  // images in the largest batch
  // The whole order of an epoch, before padding; O(size). Empty when not shuffled: the order is 0, 1, …
  std::vector<int64_t> order(uint64_t epoch) const;
  // Dataset indices of one batch, given order(epoch). No earlier batch is needed.
  std::vector<int64_t> batch(const std::vector<int64_t>& order, int64_t index) const;

 private:
  Options options_;
  int64_t shard_size_, batches_;
};

}  // namespace selfsup::data
