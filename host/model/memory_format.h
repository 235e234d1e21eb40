// How the parameters of a store lie in memory. Knows no plugin; images are laid by the input room.
#pragma once
#include "model/store.h"

namespace selfsup::model {

// Parameters of four dimensions, [out, in, h, w], lie as [out, h, w, in] from now on, as convolutions of channels-last
// images take them without a copy. Their gradients and optimizer states follow them; shapes, values and checkpoints are
// what they were. To be called before anything else holds views of them.
void lay_channels_last(ParameterStore& store);

}  // namespace selfsup::model
