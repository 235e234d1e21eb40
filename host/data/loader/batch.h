// What the loader hands to training: plain buffers. Knows neither files nor transforms.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/sample.h"

namespace selfsup::data {

// count images of one size, uint8, NHWC, contiguous. While a copy of `pixels` lives nobody rewrites it.
struct BatchView {
  std::shared_ptr<uint8_t> pixels;
  int64_t count = 0, height = 0, width = 0, channels = 0;
};

// A field that every sample of the batch carries; sizes[0] is the batch.
struct BatchField {
  std::string name;
  int view = -1;
  FieldType type = FieldType::f32;
  std::vector<int64_t> sizes;
  std::shared_ptr<std::byte> data;
};

struct Batch {
  uint64_t epoch = 0;
  int64_t index = 0;  // within the epoch, from 0
  int64_t size = 0;   // images; the last batch of an epoch may hold fewer
  std::vector<BatchView> views;
  std::vector<BatchField> fields;     // ordered by name, then view
  std::vector<int64_t> sample_index;  // position in the dataset of what is shown (a bad image's substitute: its own)
  std::vector<int64_t> labels;        // empty when the dataset has none
};

// Gives uninitialised memory, aligned to 64 bytes at least, that lives as long as the pointer. Called by any thread.
using Allocator = std::function<std::shared_ptr<uint8_t>(size_t bytes)>;

}  // namespace selfsup::data
