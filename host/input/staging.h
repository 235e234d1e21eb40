// Brings a batch's bytes to the device beside the work that is queued there. Knows neither images nor algorithms.
#pragma once
#include <ATen/core/Tensor.h>
#include <c10/core/Stream.h>

#include <optional>

namespace selfsup::input {

// On a GPU the host runs ahead of the device: while a step computes, the next batch is asked for. Its copy has a stream
// of its own, so that it goes on meanwhile; what is computed of it waits for it, on the device alone.
class Staging {
 public:
  explicit Staging(at::Device device);
  // bytes: on the CPU, page-locked where the copy is to run beside other work, not to be written until it is done (the
  // allocator of such memory sees to it). On the CPU the result is the argument.
  at::Tensor operator()(const at::Tensor& bytes) const;

 private:
  at::Device device_;
  std::optional<c10::Stream> stream_;  // none: the CPU
};

}  // namespace selfsup::input
