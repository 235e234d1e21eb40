// The wish to stop, sent from outside by signal. Handlers only set flags. Knows no training.
#pragma once
#include <csignal>
#include <optional>

#include "base/errors.h"

namespace selfsup::train {

// The code of the stop that a signal has asked for; none while nobody listens.
std::optional<Exit> requested_stop();

// While it lives: SIGTERM asks for Exit::preempted, SIGINT for Exit::interrupted, at the end of the optimizer step. The
// second signal of either kind ends the process at once with 128 + its number. One object at a time in a process.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();  // what was installed before comes back
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

 private:
  struct sigaction term_before_ {
  }, int_before_{};
};

}  // namespace selfsup::train
