// Watches over the other ranks from a thread of its own: who has gone, who stands still, and who failed first. Knows no
// tensor and no algorithm.
//
// Every rank writes a sign of life and its progress into the store once a beat; rank 0 judges them all, the others look
// for its sign and for a verdict. So a rank costs a few small messages a beat, whatever the number of ranks; the end of
// a process of the same machine is known at once. The first verdict wins, and ends the processes from that thread (the
// training thread may wait in a collective that never ends): one line with rank, machine, process, iteration and phase,
// then exit code 76. Where a rank has ended or failed, the others have a beat first, two where every rank may come to
// that error itself, to end in order: with their own error, or that of blame(). No date and no clock of another machine
// is read, and time in which this process was stopped counts for nobody.
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
  // No progress in one phase of the rank that the others wait for: it hangs. 0: in steps a minute, or ten times the
  // longest such phase so far; ten minutes in the first one; setting up, saving and evaluating are not judged.
  std::chrono::milliseconds still{0};
};

class Monitor {
 public:
  // The rendezvous and the progress outlive it. on_verdict: ends the process, from another thread; never returns. Not
  // called once tell_failure or the destructor has begun: this rank ends by itself then.
  Monitor(const Rendezvous& rendezvous, const launch::Ranks& ranks, const Progress& progress, const Limits& limits,
          std::function<void(const std::string& text)> on_verdict);
  // Parts in peace: the others do not take the silence that follows for a failure. That of rank 0, whose store is
  // theirs, waits for the others to part, up to `silent`; after a failure until they know of it, up to three beats.
  ~Monitor();

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
