// Watches the tensor handles that are alive: growth with every training step is a leak, and the component that holds
// the most of it has a name.
#pragma once
#include <cstdint>
#include <limits>
#include <vector>

#include "bridge/components/session.h"

namespace selfsup::bridge {

class LeakWatch {
 public:
  static constexpr int kSteps = 50;  // of growth without a pause, before it is said

  // After each training step. Warns once.
  void look(const Session& session);

 private:
  int64_t live_ = std::numeric_limits<int64_t>::max();
  int growing_ = 0;
  bool told_ = false;
  std::vector<int64_t> at_start_;  // references of each instance when the growth began
};

}  // namespace selfsup::bridge
