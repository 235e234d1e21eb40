// Ports of this machine: opens one to listen on, and says who has one. Knows no launcher.
#pragma once
#include <string>

namespace selfsup::launch {

struct Listener {
  int descriptor = -1;  // bound to 127.0.0.1 and listening, closed on exec; the caller's to close
  int port = 0;
};

// wanted: 0 for whichever is free. Error(usage) in one line for a port that cannot be had: its number, who has it, and
// `from`, which asked for it.
Listener listen_on_loopback(int wanted, const std::string& from);

// "process 812 (python3 -m http.server)", as far as /proc tells; "another process" if it does not: one of another user,
// or in another container.
std::string holder_of_port(int port);

}  // namespace selfsup::launch
