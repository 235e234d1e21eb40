// What our launcher is asked to start, settled before anything is. Starts nothing.
#pragma once
#include <optional>
#include <string>

#include "launch/ranks.h"
#include "launch/variables.h"

namespace selfsup::launch {

struct Plan {
  int local_world = 1, nodes = 1, node = 0;
  int max_restarts = 0;
  std::string address;         // where the ranks meet
  std::optional<Number> port;  // none: one that is free
  std::string job;
  int world() const { return local_world * nodes; }
};

// Error(usage) for what contradicts itself; also in a process that is itself one of several ranks.
Plan settle(const Asked& asked, const Stated& stated, const Environment& environment);

}  // namespace selfsup::launch
