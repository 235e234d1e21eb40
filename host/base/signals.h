// How signals were set when this process began. Knows no handler.
#pragma once
#include <csignal>

namespace selfsup {

// Whoever has started this process wants it to go on whatever comes: nohup does that with SIGHUP, a script's shell with
// the SIGINT of what it runs in the background.
inline bool is_ignored(int signal) {
  struct sigaction action {};
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace selfsup
