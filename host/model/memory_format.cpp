#include "model/memory_format.h"

#include <ATen/ATen.h>
#include <c10/core/MemoryFormat.h>

namespace selfsup::model {

void lay_channels_last(ParameterStore& store) {
  for (Entry& e : store.entries()) {
    if (e.kind == Kind::buffer || e.tensor.dim() != 4) continue;
    // Of 1x1 kernels both formats are the same memory, and only the strides tell which it is: gradients have those that
    // go with the images, and c10d's Reducer would warn of every other.
    const at::Tensor laid = e.tensor.data().contiguous(at::MemoryFormat::ChannelsLast);
    e.tensor.set_data(laid.as_strided(laid.sizes(), c10::get_channels_last_strides_2d(laid.sizes())));
  }
}

const Entry* too_narrow_for_channels_last(const ParameterStore& store) {
  for (const Entry& e : store.entries())
    if (e.kind != Kind::buffer && e.tensor.dim() == 4 && e.tensor.size(0) < 16) return &e;
  return nullptr;
}

}  // namespace selfsup::model
