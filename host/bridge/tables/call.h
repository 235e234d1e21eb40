// A per-step call: where it stands in the run, which rows its tensors hold, and its forks. Owner thread.
#pragma once
#include <ATen/core/Tensor.h>

#include <deque>
#include <vector>

#include "bridge/components/algorithm.h"
#include "ssp/call.h"

namespace selfsup::bridge {

// One per-step call from begin to end: the root, its forks, its generators.
class CallScope {
 public:
  // batch: rows of one view; sample_index: i64 [batch] on the CPU, or undefined when rows are nobody's samples.
  // site: where the chain of fork sites begins, so that calls at one place in the run draw different numbers.
  CallScope(const Step& step, int64_t batch, at::Tensor sample_index, uint32_t n_views, uint64_t site = 0);
  ~CallScope();
  CallScope(const CallScope&) = delete;
  CallScope& operator=(const CallScope&) = delete;
  ssp_call* root();

  const Step step;
  const int64_t batch;
  const at::Tensor sample_index;
  const uint32_t n_views;
  std::deque<ssp_call> calls;  // the root first
  at::Tensor progress;         // made once
};

}  // namespace selfsup::bridge

struct ssp_call {
  selfsup::bridge::CallScope* scope;
  selfsup::bridge::Mode mode;
  uint64_t site;  // hash of the chain of fork sites; 0: none
  bool known_rows;
  std::vector<int32_t> views;  // empty in the root
  uint32_t layout;
};
