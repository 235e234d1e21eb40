#include "bridge/tables/batch.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/errors.h"
#include "bridge/components/session.h"
#include "bridge/host_state.h"
#include "bridge/status.h"

namespace selfsup::bridge {

int64_t batch_size(const StepBatch& batch) {
  if (batch.views.empty()) throw Error(Exit::failed, "a batch needs at least one view");
  const int64_t size = batch.views[0].size(0);
  for (const at::Tensor& v : batch.views) {
    if (v.dim() != 4 || v.size(0) != size) {
      throw Error(Exit::failed,
                  fmt::format("views must be [{}, C, H, W], one is [{}]", size, fmt::join(v.sizes(), ", ")));
    }
  }
  const at::Tensor& index = batch.sample_index;
  if (index.defined() && (index.scalar_type() != at::kLong || index.dim() != 1 || index.size(0) != size ||
                          !index.is_cpu() || !index.is_contiguous())) {
    throw Error(Exit::failed, fmt::format("sample_index must be i64 [{}] on the CPU", size));
  }
  return size;
}

BatchTable::BatchTable(HostState& host, const StepBatch& batch)
    : host_(host), batch_(batch), views_(host.handles, batch.views) {
  table_.struct_size = sizeof table_;
  table_.n_views = static_cast<uint32_t>(batch.views.size());
  table_.views = views_.data();
  table_.size = batch_size(batch);
  table_.owner = host.batches.add(*this);
  table_.field = field;
}

BatchTable::~BatchTable() { host_.batches.remove(*this); }

ssp_status BatchTable::field(const ssp_batch* self, ssp_str name, int32_t view, ssp_tensor* out) {
  return guarded([&] {
    require(self != nullptr && out != nullptr, SSP_E_ARGUMENT, "batch.field: a null argument");
    BatchTable& table = alive(&HostState::batches, self->owner, "ssp_batch");
    *out = table.host_.handles.give(table.find(bridge::view(name), view));
  });
}

at::Tensor BatchTable::find(std::string_view name, int32_t view) {
  const auto named = [&](const Field& f) { return f.name == name && f.view == view; };
  if (const auto known = std::ranges::find_if(asked_, named); known != asked_.end()) return known->value;
  at::Tensor value;
  if (const auto set = std::ranges::find_if(batch_.fields, named); set != batch_.fields.end())
    value = set->value;
  else if (name == "sample_index" && view == -1 && batch_.sample_index.defined())
    value = batch_.sample_index.clone();  // the plugin may write to it; random numbers go by the other
  else
    return {};
  // Non-blocking is safe: pageable memory is read before the call returns, page-locked memory waits for the copy.
  asked_.push_back({std::string(name), view, value.to(host_.environment.device, /*non_blocking=*/true)});
  return asked_.back().value;
}

}  // namespace selfsup::bridge
