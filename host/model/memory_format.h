// How the parameters of a store lie in memory. Knows no plugin; images are laid by the input room.
#pragma once
#include "model/store.h"

namespace selfsup::model {

// Parameters of four dimensions, [out, in, h, w], lie as [out, h, w, in] from now on, as convolutions of channels-last
// images take them without a copy. Their gradients and optimizer states follow them; shapes, values and checkpoints are
// what they were. To be called before anything else holds views of them.
void lay_channels_last(ParameterStore& store);

// A parameter [out, in, h, w] with too few outputs for channels-last convolutions on the CPU; null: none. LibTorch's
// oneDNN (2.11) writes outside of its memory there where a convolution has fewer outputs than a vector holds: with 2 to
// 6 of AVX2's 8 the heap was damaged. 16 is the widest vector's.
const Entry* too_narrow_for_channels_last(const ParameterStore& store);

}  // namespace selfsup::model
