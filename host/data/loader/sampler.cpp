#include "data/loader/sampler.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/random.h"

namespace selfsup::data {

Sampler::Sampler(const Options& options) : options_(options) {
  shard_size_ = (options.size - 1) / options.shard.count + 1;
  batches_ = options.drop_last ? shard_size_ / options.batch_size : (shard_size_ - 1) / options.batch_size + 1;
  options_.batch_size = std::min(options.batch_size, shard_size_);
}

std::vector<int64_t> Sampler::order(uint64_t epoch) const {
  std::vector<int64_t> order;
  if (!options_.shuffle) return order;
  order.resize(static_cast<size_t>(options_.size));
  std::iota(order.begin(), order.end(), 0);
  KeyedRandom random(hash_key(options_.seed, hash_name("sampler"), epoch));
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return order;
}

std::vector<int64_t> Sampler::batch(const std::vector<int64_t>& order, int64_t index) const {
  const int64_t begin = index * options_.batch_size;
  const int64_t end = std::min(begin + options_.batch_size, shard_size_);
  std::vector<int64_t> indices;
  indices.reserve(static_cast<size_t>(end - begin));
  for (int64_t i = begin; i < end; ++i) {
    const int64_t place = (options_.shard.index + i * options_.shard.count) % options_.size;
    indices.push_back(order.empty() ? place : order[static_cast<size_t>(place)]);
  }
  return indices;
}

}  // namespace selfsup::data
