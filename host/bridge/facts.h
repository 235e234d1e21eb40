// Facts of the run that components may ask for. Knows nobody.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

namespace selfsup::bridge {

// Absent or empty: not known.
struct Facts {
  std::optional<int64_t> dataset_length, batch_size, global_batch, micros, epoch_iters, max_iters, max_updates,
      max_epochs;
  std::optional<int64_t> world, rank, views, image_size, channels;
  std::optional<bool> drop_last;
  std::vector<int64_t> view_sizes;  // height and width of each view in turn
  std::vector<double> mean, std;
};

}  // namespace selfsup::bridge
