// Wishes to stop, by signal.
#include "train/signals.h"

#include <sys/wait.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <functional>
#include <utility>

namespace selfsup::train {
namespace {

// The exit code of a process that does this, or 128 and the signal that ended it.
int in_child(const std::function<int()>& work) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(work());
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int code_of_wish() {
  const auto wish = requested_stop();
  return wish ? static_cast<int>(*wish) : 0;
}

}  // namespace

TEST_CASE("each signal asks for its stop, while somebody is there to grant it") {
  for (const auto& [signal, code] : {std::pair{SIGINT, Exit::interrupted},
                                     {SIGTERM, Exit::preempted},
                                     {SIGUSR1, Exit::preempted},
                                     {SIGHUP, Exit::preempted}}) {
    {
      const StopSignals signals;
      CHECK(!requested_stop());
      ::raise(signal);
      CHECK(requested_stop() == code);
    }
    CHECK(!requested_stop());
  }
}

TEST_CASE("a second signal ends the process at once, but for one within half a second") {
  const auto twice = [](useconds_t between, int second) {
    return in_child([=] {
      const StopSignals signals;
      ::raise(SIGHUP);
      ::usleep(between);
      ::raise(second);
      return 0;
    });
  };
  CHECK(twice(700'000, SIGTERM) == 128 + SIGTERM);
  CHECK(twice(0, SIGTERM) == 0);
  CHECK(twice(700'000, SIGHUP) == 0);  // a terminal that goes may say so twice
}

TEST_CASE("what nohup and a script's background job are not to hear is not heard, SIGTERM is") {
  for (const auto& [signal, code] : {std::pair{SIGHUP, 0}, {SIGINT, 0}, {SIGTERM, 75}, {SIGUSR1, 75}}) {
    CHECK(in_child([signal = signal] {
            ::signal(signal, SIG_IGN);
            const StopSignals signals;
            ::raise(signal);
            return code_of_wish();
          }) == code);
  }
}

TEST_CASE("once a stop has been obeyed the signals do nothing, and before StopSignals they are as they were") {
  CHECK(in_child([] {
          StopSignals signals;
          ::raise(SIGTERM);
          signals.ignore();
          ::usleep(700'000);
          for (const int signal : {SIGTERM, SIGUSR1, SIGHUP, SIGINT}) ::raise(signal);
          return code_of_wish();
        }) == 75);
  CHECK(in_child([] {
          { const StopSignals signals; }
          ::raise(SIGHUP);
          return 0;
        }) == 128 + SIGHUP);
}

}  // namespace selfsup::train
