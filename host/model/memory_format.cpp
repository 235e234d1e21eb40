#include "model/memory_format.h"

namespace selfsup::model {

void lay_channels_last(ParameterStore& store) {
  for (Entry& e : store.entries()) {
    if (e.kind == Kind::buffer || e.tensor.dim() != 4) continue;
    e.tensor.set_data(e.tensor.data().contiguous(at::MemoryFormat::ChannelsLast));
  }
}

}  // namespace selfsup::model
