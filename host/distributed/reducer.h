// The mean of gradients over ranks, overlapped with backward: c10d's Reducer. Knows no optimizer and no algorithm.
#pragma once
#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "distributed/group.h"
#include "distributed/world.h"

namespace selfsup::distributed {

// Indices of parameters, bucket by bucket, in the order in which they are reduced.
using Buckets = std::vector<std::vector<int64_t>>;

struct ReducerOptions {
  bool find_unused_parameters = false;
  double bucket_mb = 25;       // MiB; the first bucket has 1
  bool compress_bf16 = false;  // gradients travel as bfloat16
  Buckets buckets = {};        // those of the run that is resumed; empty: by size
};

// What a step does about the gradients of other ranks. One step at a time; calls in the order of their declaration, for
// the last (or only) batch of an optimizer step; the batches before it accumulate and reduce nothing.
class Reducer {
 public:
  virtual ~Reducer() = default;
  virtual void before_forward() = 0;
  virtual void before_backward(const at::Tensor& loss) = 0;
  // After backward: the gradients are means over ranks. gradients: the defined ones, in place.
  virtual void after_backward(const std::vector<at::Tensor>& gradients) = 0;
  // As they are by now: rebuilt, in the order in which gradients come, after the first step. For a checkpoint.
  virtual Buckets buckets() const = 0;
};

// One process: nothing. Ranks of a World: c10d's, which checks that the parameters are the same on all ranks
// (Error(disagree) with the first name that differs), and gives everybody rank 0's values. parameters: trained ones
// with names, in the order of the model; they and the world outlive it. Another group (threads, in tests): each
// gradient by itself.
std::unique_ptr<Reducer> make_reducer(const World& world, std::vector<std::pair<std::string, at::Tensor>> parameters,
                                      const ReducerOptions& options);
std::unique_ptr<Reducer> make_plain_reducer(const Group& group);

}  // namespace selfsup::distributed
