// A per-step call: where it stands in the run, which rows its tensors hold, and its forks. Main thread.
#pragma once
#include <ATen/core/Tensor.h>

#include <deque>
#include <vector>

#include "bridge/components/algorithm.h"
#include "ssp/call.h"

namespace selfsup::bridge {

struct HostState;
class CallScope;

// What an ssp_call stands for.
struct Call {
  CallScope& scope;
  Mode mode;
  uint64_t site;  // hash of the chain of fork sites; 0: none
  bool known_rows;
  std::vector<int32_t> views;  // empty in the root
  uint32_t layout;
};

// One per-step call from begin to end: the root, its forks, its generators.
class CallScope {
 public:
  // batch: rows of one view; sample_index: i64 [batch] on the CPU, or undefined when rows are nobody's samples.
  // site: where the chain of fork sites begins, so that calls at one place in the run draw different numbers.
  CallScope(HostState& host, const Step& step, int64_t batch, at::Tensor sample_index, uint32_t n_views,
            uint64_t site = 0);
  ~CallScope();
  CallScope(const CallScope&) = delete;
  CallScope& operator=(const CallScope&) = delete;
  ssp_call* root() const { return root_; }
  // A fork, or the root itself: alive as long as this object.
  ssp_call* add(Call call);

  HostState& host;
  const Step step;
  const int64_t batch;
  const at::Tensor sample_index;
  const uint32_t n_views;
  at::Tensor progress;  // made once

 private:
  std::deque<Call> calls_;
  ssp_call* root_;
};

}  // namespace selfsup::bridge
