#include "launch/signal_queue.h"

#include <fmt/format.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/errors.h"
#include "base/signals.h"

namespace selfsup::launch {

void suspend_this_process() {
  sigset_t set;
  ::sigpending(&set);
  if (::sigismember(&set, SIGCONT)) return;  // to go on has been said since, and would be forgotten
  ::raise(SIGTSTP);
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGTSTP);
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);  // here it stops
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
}

SignalQueue::SignalQueue() {
  sigset_t ours;
  ::sigemptyset(&ours);
  for (const int signal : {SIGCHLD, SIGTERM, SIGUSR1, SIGUSR2, SIGCONT}) ::sigaddset(&ours, signal);
  for (const int signal : {SIGINT, SIGHUP, SIGTSTP})  // once blocked it would come, though nobody is to hear it
    if (!is_ignored(signal)) ::sigaddset(&ours, signal);
  descriptor_ = ::signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
  if (descriptor_ < 0) throw Error(Exit::failed, fmt::format("signals cannot be waited for: {}", std::strerror(errno)));
  // A parent may have left SIGCHLD ignored, and then children vanish without a word. Stopped ones are no news.
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  action.sa_flags = SA_NOCLDSTOP;
  ::sigaction(SIGCHLD, &action, &child_before_);
  ::sigprocmask(SIG_BLOCK, &ours, &before_);
}

SignalQueue::~SignalQueue() {
  while (next()) {
  }
  ::sigprocmask(SIG_SETMASK, &before_, nullptr);
  ::sigaction(SIGCHLD, &child_before_, nullptr);
  ::close(descriptor_);
}

std::optional<Signal> SignalQueue::next() {
  signalfd_siginfo info;
  if (::read(descriptor_, &info, sizeof info) != sizeof info) return std::nullopt;
  return Signal{static_cast<int>(info.ssi_signo), static_cast<int>(info.ssi_pid)};
}

}  // namespace selfsup::launch
