#include "launch/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/errors.h"

namespace selfsup::launch {
namespace {

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (const std::string& text : texts) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

// Between fork and exec: system calls only. Returns if the program cannot be executed.
void become(const Start& start, char* const* words, char* const* environment, pid_t launcher) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != launcher) ::_exit(1);  // it died before it could be watched
  for (const int descriptor : start.descriptors) ::fcntl(descriptor, F_SETFD, 0);
  if (const int nothing = ::open("/dev/null", O_RDONLY); nothing >= 0) ::dup2(nothing, STDIN_FILENO), ::close(nothing);
  ::signal(SIGTTOU, SIG_IGN);  // the terminal's foreground is the launcher's: `stty tostop`
  ::sigprocmask(SIG_SETMASK, &start.mask, nullptr);
  ::execve(start.program.c_str(), words, environment);
}

}  // namespace

pid_t start_process(const Start& start) {
  std::vector<std::string> words = start.words;
  words.insert(words.begin(), start.program);
  const std::vector<char*> argv = pointers(words), envp = pointers(start.environment);
  const auto fail = [&](int error) {
    return Error(Exit::failed, fmt::format("cannot start {}: {}", start.program, std::strerror(error)));
  };
  int report[2];  // tells why exec failed; closed by one that succeeds
  if (::pipe2(report, O_CLOEXEC) != 0) throw fail(errno);
  const pid_t launcher = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) {
    become(start, argv.data(), envp.data(), launcher);
    const int error = errno;
    [[maybe_unused]] const ssize_t told = ::write(report[1], &error, sizeof error);
    ::_exit(127);
  }
  const int fork_error = errno;
  ::close(report[1]);
  int error = 0;
  ssize_t got = 0;
  while (pid > 0 && (got = ::read(report[0], &error, sizeof error)) < 0 && errno == EINTR) {
  }
  ::close(report[0]);
  if (pid < 0) throw fail(fork_error);
  if (got == sizeof error) {
    ::waitpid(pid, nullptr, 0);
    throw fail(error);
  }
  return pid;
}

void signal_group(pid_t pid, int signal) {
  ::kill(-pid, signal);
  ::kill(pid, signal);
}

bool reap(pid_t pid, int& status) {
  siginfo_t ended{};
  if (::waitid(P_PID, static_cast<id_t>(pid), &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid != pid)
    return false;
  ::kill(-pid, SIGKILL);  // while its number is still its own
  return ::waitpid(pid, &status, 0) == pid;
}

bool is_stopped(pid_t pid) {
  siginfo_t stopped{};
  return ::waitid(P_PID, static_cast<id_t>(pid), &stopped, WSTOPPED | WNOHANG | WNOWAIT) == 0 && stopped.si_pid == pid;
}

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name ? fmt::format("SIG{}", name) : fmt::format("signal {}", signal);
}

}  // namespace selfsup::launch
