// Watches the references to tensor handles that each component holds: growth with every step, by more than other
// threads dropped in it, is a leak with a name.
#pragma once
#include <unordered_map>

#include "bridge/components/session.h"

namespace selfsup::bridge {

class LeakWatch {
 public:
  // dropped_elsewhere: Handles::dropped_elsewhere, at the start.
  explicit LeakWatch(int64_t dropped_elsewhere) : dropped_elsewhere_(dropped_elsewhere) {}
  static constexpr int kSteps = 50;  // of growth without a pause, before it is said

  // After each training step. Warns once a component.
  void look(const Session& session);

 private:
  struct Seen {
    int64_t references = 0, at_start = 0;
    int growing = 0;
    bool told = false;
  };
  std::unordered_map<const Instance*, Seen> seen_;
  int64_t dropped_elsewhere_;
};

}  // namespace selfsup::bridge
