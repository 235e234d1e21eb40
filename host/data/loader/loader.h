// Fills batches ahead of training with threads of this process. Knows neither LibTorch nor devices: memory comes from
// the allocator that it is given.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/datasets/dataset.h"
#include "data/loader/batch.h"
#include "data/loader/buffers.h"
#include "data/loader/sampler.h"
#include "data/transforms/pipeline.h"

namespace selfsup::data {

struct BadFile {
  int64_t index;     // in the dataset
  std::string path;  // as Dataset::describe gives it
  std::string reason;
};

struct LoaderOptions {
  int64_t batch_size = 1;  // of this shard
  int num_workers = 0;     // threads; 0: next() does the work
  bool drop_last = false;
  bool shuffle = true;
  uint64_t seed = 0;  // equal for all shards
  Shard shard = {};
  int prefetch = 2;  // batches in the making or waiting; no fewer than 1
  // The images that are asked for, in this order; empty: all of the set. Any of the set takes the place of a bad one.
  std::vector<int64_t> only = {};
  // Share of the set that may be bad before the run ends. A share above 0 allows three images at least, but never
  // more than half of the set; 0 allows none.
  double max_bad_fraction = 0;
  // Found by a loader that this one takes over from: they count as if this one had found them.
  std::vector<BadFile> known_bad = {};
};

// The images that could not be used among those that the batches so far asked for, each once, in order of appearance.
struct BadReport {
  int64_t allowed = 0;
  std::vector<BadFile> files;
};

// Batches are a function of (dataset, pipeline, options but num_workers and prefetch, epoch, index).
// For evaluation: shuffle false, evaluation_pipeline(), and epoch 0; the order is then that of the set.
// Not thread-safe: one thread calls start, next and bad. Destruction stops the workers.
class Loader {
 public:
  // The dataset and the pipeline outlive the loader. Error(usage) when an epoch would have no batch. Every buffer is
  // asked of the allocator and given back to it: reuse, and when memory is free for it, are the allocator's affair.
  Loader(const Dataset& dataset, const Pipeline& pipeline, const LoaderOptions& options,
         Allocator allocator = reusing(allocate_pageable));
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  int64_t batches_per_epoch() const;
  int64_t samples_per_epoch() const;  // of this shard, padding and drop_last considered

  // The next call of next() gives batch `first_batch` of that epoch. Any batch costs the same: nothing is replayed.
  // When it is where the workers already are (the first batch of the next epoch), their work is kept.
  // go_on: the workers go on into the epoch behind it; else they rest at its end, and nothing of the next one is drawn
  // or read before it is started.
  void start(uint64_t epoch, int64_t first_batch = 0, bool go_on = true);

  // Waits for the next batch; false when the epoch is over. Errors of the workers come out here, at the batch that they
  // belong to: Error(data) when too many images are bad, Error(usage) when images of a batch differ in shape.
  bool next(Batch& batch);

  const BadReport& bad() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace selfsup::data
