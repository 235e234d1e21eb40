// Errors that end a run or a command, each with the exit code that the shell sees. Knows nobody.
#pragma once
#include <stdexcept>
#include <string>

namespace selfsup {

// Exit codes of the program (docs/exit-codes.md).
enum class Exit : int {
  ok = 0,
  failed = 1,        // the run failed: a bug, or a plugin's error after the first step
  usage = 2,         // command line or configuration
  plugin = 3,        // plugin refused, or it failed before a first step was through
  data = 4,          // data set missing, or too many bad files
  storage = 5,       // disk full, unwritable
  checkpoint = 6,    // no valid checkpoint among those that are there
  diverged = 7,      // NaN or infinity
  preempted = 75,    // SIGTERM, state saved
  peer = 76,         // another rank failed
  disagree = 77,     // ranks disagree
  interrupted = 130  // SIGINT, state saved
};

// What a user can act on: the text says what was expected, what was found, where, and what to do.
class Error : public std::runtime_error {
 public:
  Error(Exit exit, const std::string& text) : std::runtime_error(text), exit_(exit) {}
  Exit exit() const noexcept { return exit_; }

 private:
  Exit exit_;
};

}  // namespace selfsup
