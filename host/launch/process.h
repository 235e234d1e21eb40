// Starts one process that cannot outlive the one that starts it. Knows no rank.
#pragma once
#include <sys/types.h>

#include <csignal>
#include <string>
#include <vector>

namespace selfsup::launch {

struct Start {
  std::string program;
  std::vector<std::string> words;        // without the program's name
  std::vector<std::string> environment;  // "NAME=VALUE", all of it
  std::vector<int> descriptors;          // that it inherits, beside standard output and error
  sigset_t mask;                         // of signals, as it finds it
};

// The process runs `program` when this returns. It leads a process group of its own, so that a signal to the group of
// the launcher (Ctrl-C, timeout, scancel) reaches it once, through the launcher; what it writes to the terminal does
// not stop it. It has nothing on standard input. The kernel kills it when the calling thread ends. Error(failed) if it
// cannot be started.
pid_t start_process(const Start& start);

// To the process, also one that has left its group, and to the group.
void signal_group(pid_t pid, int signal);

// If the process has ended: takes the rest of its group with it, and gives its status as waitpid does. Does not wait.
bool reap(pid_t pid, int& status);

// Whether a child stands still, stopped by a signal: it hears nothing but SIGKILL then.
bool is_stopped(pid_t pid);

// "SIGKILL".
std::string signal_name(int signal);

}  // namespace selfsup::launch
