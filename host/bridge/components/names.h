// The names that components have for their tensors in formats of other programs. Main thread.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "bridge/components/session.h"

namespace selfsup::bridge {

// Pairs of own and other name; none for a component that has none, or does not know the format.
std::vector<std::pair<std::string, std::string>> names_of(Instance& who, ssp_str format);

// The same for a requester: to its sink.
void relay_names(Instance& who, ssp_str format, const ssp_sink* pairs);

}  // namespace selfsup::bridge
