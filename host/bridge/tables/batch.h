// A batch as plugins see it: handles of views, fields by name. Lives for one per-step call. Main thread.
#pragma once
#include <vector>

#include "bridge/components/algorithm.h"
#include "bridge/operators/handles.h"
#include "ssp/algorithm.h"

namespace selfsup::bridge {

struct HostState;

// Error(failed) when views and fields do not have one batch size.
int64_t batch_size(const StepBatch& batch);

class BatchTable {
 public:
  BatchTable(HostState& host, const StepBatch& batch);
  ~BatchTable();
  BatchTable(const BatchTable&) = delete;
  BatchTable& operator=(const BatchTable&) = delete;
  const ssp_batch* get() const { return &table_; }

 private:
  static ssp_status field(const ssp_batch* self, ssp_str name, int32_t view, ssp_tensor* out);
  at::Tensor find(std::string_view name, int32_t view);

  HostState& host_;
  const StepBatch& batch_;
  Lent views_;
  std::vector<Field> asked_;  // fields that were asked for, on the run's device
  ssp_batch table_{};
};

}  // namespace selfsup::bridge
