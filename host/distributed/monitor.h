// Watches over the other ranks from a thread of its own: who has gone, who stands still, and who failed first. Knows no
// tensor and no algorithm.
//
// Every rank writes a sign of life and its progress into the store once a beat; rank 0, whose store it is, judges them
// all, the others look for its verdict. So a rank costs two small messages a beat, whatever the number of ranks. A
// verdict ends the process from that thread (the training thread may wait in a collective that never ends): one line
// with rank, machine, process, iteration and phase, then exit code 76.
#pragma once
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/errors.h"
#include "distributed/progress.h"
#include "distributed/rendezvous.h"

namespace selfsup::distributed {

struct Limits {
  std::chrono::milliseconds beat{500};
  std::chrono::milliseconds silent{10'000};  // no sign of life: the process is stopped, or its machine is gone
  std::chrono::milliseconds still{0};  // no progress in one phase: hangs; 0: max(60 s, 10 x the longest step so far)
};

class Monitor {
 public:
  // The rendezvous and the progress outlive it. on_verdict: ends the process; never returns.
  Monitor(const Rendezvous& rendezvous, const launch::Ranks& ranks, const Progress& progress, const Limits& limits,
          std::function<void(const std::string& text)> on_verdict);
  ~Monitor();  // parts in peace: the others do not take the silence that follows for a failure

  // This rank ends because of an error of its own: the others are told its text. Short, and never throws.
  void tell_failure(Exit exit, const std::string& text) noexcept;
  // An operation with the others failed here. Waits for up to a second or two for who is to blame: their failure, their
  // silence, or their process's end; else the given text. Error(peer).
  Error blame(const std::string& what) noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace selfsup::distributed
