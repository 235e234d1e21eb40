// Our launcher at work in a process of its own, with a shell script for each rank, for tests. What the ranks write to
// descriptor 9 is read line by line; its end shows that no process is left that was started.
#pragma once
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/errors.h"
#include "base/log.h"
#include "launch/launcher.h"

namespace selfsup::launch::testing {

class Launched {
 public:
  // Each rank runs `script` with its Begin as first argument: first, again or onward.
  Launched(int ranks, const std::string& script, const std::function<void(Asked&, Local&)>& change = {}) {
    int lines[2];
    std::string name = (std::filesystem::temp_directory_path() / "selfsup-launched-XXXXXX").string();
    const int said = ::mkstemp(name.data());
    if (said < 0 || ::pipe2(lines, O_CLOEXEC) != 0) throw std::runtime_error("no pipe or file to be had");
    ::unlink(name.c_str());
    Asked asked;
    asked.nproc_per_node = ranks;
    Local local;
    local.program = "/bin/sh";
    local.words = [script](Begin begin) {
      const char* names[] = {"first", "again", "onward"};
      return std::vector<std::string>{"-c", script, "rank", names[static_cast<int>(begin)]};
    };
    local.back_off = std::chrono::milliseconds(1);
    if (change) change(asked, local);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::setpgid(0, 0);  // a group that this process can continue, as a shell's job: the kernel stops no other at Ctrl-Z
      ::dup2(lines[1], 9);
      ::dup2(said, STDERR_FILENO);
      int code = 1;
      try {
        code = run_ranks(local, asked, {});
      } catch (const Error& error) {
        log_error(error.what());
        code = static_cast<int>(error.exit());
      }
      ::_exit(code);
    }
    ::close(lines[1]);
    lines_ = lines[0], said_ = said;
  }
  ~Launched() {
    if (pid_ > 0) ::kill(pid_, SIGKILL), ::waitpid(pid_, nullptr, 0);
    ::close(lines_), ::close(said_);
  }
  Launched(const Launched&) = delete;
  Launched& operator=(const Launched&) = delete;

  pid_t pid() const { return pid_; }

  // The next line of any rank; "(end)" once none is left that could write one, "(nothing came)" after minutes.
  std::string line() {
    for (;;) {
      if (const size_t end = read_.find('\n'); end != std::string::npos) {
        const std::string line = read_.substr(0, end);
        read_.erase(0, end + 1);
        return line;
      }
      pollfd ready{lines_, POLLIN, 0};
      const int minutes = 180'000;
      if (::poll(&ready, 1, minutes) == 0) return "(nothing came)";
      char bytes[512];
      const ssize_t got = ::read(lines_, bytes, sizeof bytes);
      if (got <= 0) return "(end)";
      read_.append(bytes, static_cast<size_t>(got));
    }
  }
  // The rest of the lines, which end when all processes have; sorted by nobody.
  std::vector<std::string> rest() {
    std::vector<std::string> all;
    for (std::string next = line(); next != "(end)"; next = line()) {
      all.push_back(next);
      if (next == "(nothing came)") break;
    }
    return all;
  }
  // The launcher's exit code, or 1000 and the signal that ended it. Read all lines first.
  int code() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }
  // What it has said on standard error, it and its ranks.
  std::string said() const {
    std::string text(1 << 16, '\0');
    const ssize_t got = ::pread(said_, text.data(), text.size(), 0);
    text.resize(got > 0 ? static_cast<size_t>(got) : 0);
    return text;
  }

 private:
  pid_t pid_ = -1;
  int lines_ = -1, said_ = -1;
  std::string read_;
};

}  // namespace selfsup::launch::testing
