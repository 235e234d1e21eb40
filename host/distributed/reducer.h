// The mean of gradients over ranks, overlapped with backward: c10d's Reducer. Knows no optimizer and no algorithm.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "distributed/group.h"
#include "distributed/world.h"

namespace selfsup::distributed {

// Indices of parameters, bucket by bucket, in the order in which they are reduced.
using Buckets = std::vector<std::vector<int64_t>>;
using NamedParameters = std::vector<std::pair<std::string, at::Tensor>>;

struct ReducerOptions {
  bool find_unused_parameters = false;
  std::optional<double> bucket_mb = {};  // MiB; the first bucket has 1 or less. Absent: fitted to the gradients
  bool compress_bf16 = false;            // gradients travel as bfloat16
};

// What a step does about the gradients of other ranks. One step at a time; calls in the order of their declaration, for
// the last (or only) batch of an optimizer step; the batches before it accumulate and reduce nothing. The step's
// thread.
class Reducer {
 public:
  virtual ~Reducer() = default;
  virtual void before_forward() = 0;
  virtual void before_backward(const at::Tensor& loss) = 0;
  // After backward: the gradients are means over ranks. gradients: the defined ones, in place. Error(usage) when a
  // parameter got none here, unless find_unused_parameters; the other ranks then wait in backward for it.
  virtual void after_backward(const std::vector<at::Tensor>& gradients) = 0;
  // When no parameter has a gradient any more. After the first step the buckets are rebuilt here, in the order in which
  // gradients came on rank 0.
  virtual void after_update() = 0;

  // As the next step will use them; a checkpoint keeps them, since gloo's sums depend on where in its bucket a value
  // lies. Empty where there are none.
  virtual Buckets buckets() const = 0;
  // Before the first step: those of the run that is resumed, which are not rebuilt then. The same on all ranks. Their
  // order is taken, and cut anew if bucket_mb has changed; that of another number of parameters is left aside.
  virtual void take_buckets(const Buckets& buckets) = 0;
};

// One process: nothing. Ranks of a World: c10d's, which checks that the parameters are the same on all ranks
// (Error(disagree) with the first that differs), and gives everybody rank 0's values. parameters: trained ones with
// names, in the order of the model, on their device and in their final memory format; they and the world outlive it.
std::unique_ptr<Reducer> make_reducer(const World& world, const NamedParameters& parameters,
                                      const ReducerOptions& options);
// Any group (threads, in tests): each gradient by itself.
std::unique_ptr<Reducer> make_plain_reducer(const Group& group);

}  // namespace selfsup::distributed
