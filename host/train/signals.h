// The wish to stop, sent from outside by signal. Handlers only set flags. Knows no training.
#pragma once
#include <array>
#include <csignal>
#include <optional>

#include "base/errors.h"

namespace selfsup::train {

// The code of the stop that a signal has asked for; none while nobody listens.
std::optional<Exit> requested_stop();

// While it lives: SIGTERM, SIGUSR1 (which Slurm sends with --signal) and SIGHUP (of a terminal that goes) ask for
// Exit::preempted, SIGINT for Exit::interrupted, at the end of the optimizer step. A second one, half a second later
// or more, ends the process at once with 128 + its number; not SIGHUP, which one terminal may send twice. SIGHUP and
// SIGINT stay ignored where they were, as under nohup. One object at a time in a process.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();  // what was installed before comes back
  // The process is about to end by itself, saved or with an error to say: from now on, and after this object, the
  // signals do nothing. Launchers send them to ranks that end a little later than others.
  void ignore();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

 private:
  static constexpr std::array kSignals = {SIGTERM, SIGUSR1, SIGHUP, SIGINT};
  std::array<struct sigaction, kSignals.size()> before_{};
};

}  // namespace selfsup::train
