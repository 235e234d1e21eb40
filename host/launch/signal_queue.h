// Signals as events to be read in turn, instead of handlers. Knows no process.
#pragma once
#include <csignal>
#include <optional>

namespace selfsup::launch {

struct Signal {
  int number = 0;
  int sender = 0;  // of SIGCHLD: the child that has changed
};

// Stops this process as the terminal would: not one that nobody could continue (a container's first, or of an orphaned
// group). Returns when it has been continued, and at once if it was not stopped. SIGTSTP is blocked before and after.
void suspend_this_process();

// While it lives, SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT and the ends of children wait in the
// queue; not SIGINT, SIGHUP or SIGTSTP where it was ignored before. One object at a time, in a process of one thread.
class SignalQueue {
 public:
  SignalQueue();   // Error(failed)
  ~SignalQueue();  // what was before comes back
  SignalQueue(const SignalQueue&) = delete;
  SignalQueue& operator=(const SignalQueue&) = delete;

  int descriptor() const { return descriptor_; }  // readable while there is one
  std::optional<Signal> next();                   // does not wait
  const sigset_t& mask_before() const { return before_; }

 private:
  int descriptor_ = -1;
  sigset_t before_;
  struct sigaction child_before_ {};
};

}  // namespace selfsup::launch
