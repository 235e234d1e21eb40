// Where a run stands, and how long it is. Knows nobody.
#pragma once
#include <cstdint>

namespace selfsup::train {

// What has been done.
struct Position {
  int64_t iter = 0;           // batches
  int64_t update = 0;         // optimizer steps, masked and skipped ones included
  int64_t epoch = 0;          // whole epochs
  int64_t iter_in_epoch = 0;  // batches of the epoch that has begun
  bool epoch_told = false;    // EPOCH_BEGIN has been told, and no batch of that epoch is done

  bool operator==(const Position&) const = default;
};

}  // namespace selfsup::train
