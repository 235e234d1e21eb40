// A batch in the making: several threads put samples into their places. Knows no datasets.
#pragma once
#include <atomic>
#include <mutex>
#include <utility>
#include <vector>

#include "data/loader/batch.h"

namespace selfsup::data {

class BatchBuilder {
 public:
  // `size` places; buffers are made for `capacity` samples, so that a last, smaller batch finds memory that fits. The
  // allocator outlives this.
  BatchBuilder(const Allocator& allocate, uint64_t epoch, int64_t index, int64_t size, int64_t capacity, bool labels);

  // Draws the sample's views and copies its fields; the sample is not changed but for what it had not decoded. Every
  // place is filled once; calls may run at the same time. BadImage, which leaves the place to be filled. Error(usage)
  // when the sample's views or fields differ from those that came first.
  void place(int64_t position, Sample& sample);

  // After all places are filled, in one thread.
  Batch finish() { return std::move(batch_); }

 private:
  void lay_out_once(const Sample& sample);
  void lay_out(const Sample& sample);
  void place_views(size_t position, const Sample& sample);
  void place_fields(size_t position, const Sample& sample);

  const Allocator& allocate_;
  int64_t capacity_;
  // Not std::once_flag: an exception out of std::call_once hangs later calls under some C libraries and sanitizers.
  std::mutex layout_;
  std::atomic<bool> laid_out_ = false;
  Batch batch_;
};

}  // namespace selfsup::data
