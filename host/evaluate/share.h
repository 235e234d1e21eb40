// How ranks share the rows of a set: whole batches, dealt in turn. Knows no image and no feature.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "distributed/group.h"

namespace selfsup::evaluate {

// Batches are the same whatever the number of ranks, and all ranks have equally many: where none is left for one, it
// takes the last one again.
class Share {
 public:
  Share(int64_t rows, int64_t batch_size, const distributed::Group& group);  // rows and batch_size > 0

  int64_t batches() const { return batches_; }  // of this rank
  std::vector<int64_t> rows() const;            // of this rank's batches, in order
  // What each rank has of its rows, [its rows, …] -> [all rows, …] in order, on every rank; called by all.
  at::Tensor gather(const at::Tensor& own) const;

 private:
  int64_t rows_, batch_size_, batches_;
  const distributed::Group& group_;
};

}  // namespace selfsup::evaluate
