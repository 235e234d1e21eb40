// Where each value of a resolved configuration comes from, as text. Knows nobody but the tree.
#pragma once
#include <string>

#include "base/json.h"

namespace selfsup::run {

// One line a leaf: "optim_wrapper.optimizer.lr = 0.002    (plugin vendor.name)". Without a newline at the end.
std::string sources_text(const Json& config);

}  // namespace selfsup::run
