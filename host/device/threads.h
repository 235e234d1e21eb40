// The cores that this process may use, under the device room's name. Knows no tensor.
#pragma once
#include "config/threads.h"

namespace selfsup::device {

using config::allowed_cores;

}  // namespace selfsup::device
