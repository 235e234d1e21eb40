#include "bridge/batch.h"

#include <fmt/format.h>

#include "base/errors.h"
#include "bridge/active.h"
#include "bridge/session.h"
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

BatchTable::BatchTable(const StepBatch& batch) : batch_(batch), views_(batch.views) {
  exposed_.owner = this;
  ssp_batch& t = exposed_.table;
  t.struct_size = sizeof t;
  t.n_views = static_cast<uint32_t>(batch.views.size());
  t.size = batch_size(batch);
  t.field = field;
  t.views = views_.data();
}

ssp_status BatchTable::field(const ssp_batch* self, ssp_str name, int32_t view, ssp_tensor* out) {
  return guarded([&] {
    require(self != nullptr && out != nullptr, SSP_E_ARGUMENT, "batch.field: a null argument");
    require_operators();
    *out = handles::give(reinterpret_cast<const Exposed*>(self)->owner->find(bridge::view(name), view));
  });
}

at::Tensor BatchTable::find(std::string_view name, int32_t view) {
  for (const Field& f : batch_.fields) {
    if (f.name == name && f.view == view) return f.value;
  }
  if (name != "sample_index" || view != -1 || !batch_.sample_index.defined()) return {};
  if (!sample_index_.defined())
    sample_index_ = batch_.sample_index.to(active().environment.device, at::kLong, false, true);
  return sample_index_;
}

}  // namespace selfsup::bridge
