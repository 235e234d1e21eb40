#include "model/memory_format.h"

namespace selfsup::model {

void lay_channels_last(ParameterStore& store) {
  for (Entry& e : store.entries()) {
    if (e.kind == Kind::buffer || e.tensor.dim() != 4) continue;
    e.tensor.set_data(e.tensor.data().contiguous(at::MemoryFormat::ChannelsLast));
  }
}

const Entry* too_narrow_for_channels_last(const ParameterStore& store) {
  for (const Entry& e : store.entries())
    if (e.kind != Kind::buffer && e.tensor.dim() == 4 && e.tensor.size(0) < 16) return &e;
  return nullptr;
}

}  // namespace selfsup::model
