#include "evaluate/samples.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "data/loader/batch_builder.h"
#include "data/loader/buffers.h"

namespace selfsup::evaluate {

data::Sample sample_of(const data::Dataset& dataset, const data::Pipeline& pipeline, int64_t index, uint64_t seed,
                       uint64_t epoch) {
  data::Sample sample;
  dataset.open(index, sample.open(index, dataset.label(index), epoch));
  data::SampleRandom random(seed, epoch, index);
  pipeline.apply(sample, random);
  return sample;
}

void for_spread_samples(const data::Dataset& dataset, const data::Pipeline& pipeline, int64_t count, uint64_t seed,
                        uint64_t epoch, const std::function<void(data::Sample)>& take) {
  count = std::min(count, dataset.size());
  for (int64_t part = 0; part < count; ++part) {
    // The first of this part of the set that can be used.
    for (int64_t index = part * dataset.size() / count; index < (part + 1) * dataset.size() / count; ++index) {
      data::Sample sample;
      try {
        sample = sample_of(dataset, pipeline, index, seed, epoch);
      } catch (const data::BadImage&) {
        continue;
      }
      take(std::move(sample));
      break;
    }
  }
}

data::Batch spread_batch(const data::Dataset& dataset, const data::Pipeline& pipeline, int64_t count, uint64_t seed,
                         uint64_t epoch) {
  std::vector<data::Sample> samples;
  for_spread_samples(dataset, pipeline, count, seed, epoch,
                     [&](data::Sample sample) { samples.push_back(std::move(sample)); });
  const data::Allocator allocate = data::allocate_pageable;
  const auto size = static_cast<int64_t>(samples.size());
  data::BatchBuilder builder(allocate, epoch, 0, size, size, dataset.has_labels());
  for (int64_t i = 0; i < size; ++i) builder.place(i, samples[static_cast<size_t>(i)]);
  return builder.finish();
}

}  // namespace selfsup::evaluate
