// The shape of pictures as far as a specification tells it, before the set is opened. Knows no pixels.
#pragma once
#include "base/json.h"
#include "data/image.h"

namespace selfsup::data {

// From the specification, and from the header of a file of the MNIST family; what is not known is 0. Never an error:
// make_dataset will say what is wrong.
ImageShape stated_shape(const Json& spec);

}  // namespace selfsup::data
