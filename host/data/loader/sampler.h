// Which pictures an epoch shows to a rank, in which order: a function of (seed, epoch). Knows no dataset.
#pragma once
#include <cstdint>
#include <vector>

namespace selfsup::data {

// The set's order in an epoch is permuted (or kept), repeated from its start until a multiple of `world`, and dealt to
// the ranks one by one; the rank's share is cut into batches.
class Sampler {
 public:
  struct Options {
    int64_t size = 0;  // pictures in the set, > 0
    int64_t batch_size = 1;
    uint64_t seed = 0;  // equal on all ranks
    int rank = 0, world = 1;
    bool shuffle = true;
    bool drop_last = false;  // leave out a last batch that is not full
  };
  explicit Sampler(const Options& options);

  int64_t per_rank() const { return per_rank_; }              // pictures of an epoch on each rank, the same on all
  int64_t batches() const { return batches_; }                // batches of an epoch on each rank
  int64_t batch_size() const { return options_.batch_size; }  // pictures in the largest batch
  // The whole order of an epoch, before padding; O(size). Empty when not shuffled: the order is 0, 1, …
  std::vector<int64_t> order(uint64_t epoch) const;
  // Dataset indices of one batch, given order(epoch). No earlier batch is needed.
  std::vector<int64_t> batch(const std::vector<int64_t>& order, int64_t index) const;

 private:
  Options options_;
  int64_t per_rank_, batches_;
};

}  // namespace selfsup::data
