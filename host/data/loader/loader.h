// Fills batches ahead of training with threads of this process. Knows neither LibTorch nor devices: memory comes from
// the allocator that it is given.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/datasets/dataset.h"
#include "data/loader/bad_report.h"
#include "data/loader/batch.h"
#include "data/loader/buffers.h"
#include "data/loader/sampler.h"
#include "data/transforms/pipeline.h"

namespace selfsup::data {

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
  double max_bad_fraction = 0;  // as of allowed_bad()
  // Found before, by a first look or a loader that this one takes over from: they count as if this one had found them.
  std::vector<BadFile> known_bad = {};
  // Too many bad images end it, wherever they are found. false: no later than with the first batch; from then on there
  // is something to be saved first, and others stand in their places until the one who reads bad() comes to an end.
  bool ends_when_too_many = true;
};

// Batches are a function of (dataset, pipeline, options but num_workers and prefetch, epoch, index).
// For evaluation: shuffle false, evaluation_pipeline(), and epoch 0; the order is then that of the set.
// Not thread-safe: one thread calls start, next and bad. Destruction stops the workers.
class Loader {
 public:
  // The dataset and the pipeline outlive the loader. Error(usage) when an epoch would have no batch, Error(data) when
  // too many images are known to be bad. Every buffer is asked of the allocator and given back to it: reuse, and when
  // memory is free for it, are the allocator's affair.
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
  // belong to: Error(data) when too many images are bad, or none is found in the place of one, Error(usage) when images
  // of a batch differ in shape.
  bool next(Batch& batch);
  // Likewise, but where the batch is not there yet, `given_up` is asked some ten times a second, and ends the wait:
  // false, with the batch to be had later. Not without workers.
  bool next(Batch& batch, const std::function<bool()>& given_up);

  // Tells the workers to end, whatever they are at; false: some have not after so long. The destructor waits for ever.
  bool stop(std::chrono::milliseconds patience);

  // Those among the images that the batches so far have asked for, and those known before.
  const BadReport& bad() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace selfsup::data
