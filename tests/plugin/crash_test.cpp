// Crashes inside a plugin's code, in child processes: named, and as deadly as they were.
#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <csignal>
#include <functional>
#include <thread>

#include "plugin/crossing.h"
#include "plugin/support/plugins.h"
#include "stack_overflow.h"

using namespace selfsup;
using namespace selfsup::plugin;
using namespace selfsup::plugin::test;

namespace {

// Volatile, so that compilers do not see what comes.
int* volatile nowhere = nullptr;
volatile int zero = 0, ten = 10;

[[gnu::no_sanitize("undefined")]] void write_nowhere() { *nowhere = 1; }
[[gnu::no_sanitize("undefined")]] void divide() { zero = ten / zero; }

Outcome crash(const std::function<void()>& body, bool in_thread) {
  return in_child([&] {
    install_crash_handlers();
    in_thread ? std::thread(body).join() : body();
    return 0;
  });
}

}  // namespace

TEST_CASE("a crash inside a plugin is one line with plugin, signal and callback, and ends the process by that signal") {
  struct Case {
    int signal;
    const char* name;
    std::function<void()> fault;
  };
  const Case cases[] = {
    {SIGSEGV, "SIGSEGV", write_nowhere},
    {SIGSEGV, "SIGSEGV", selfsup::test::overflow_stack},
    {SIGILL, "SIGILL", [] { std::raise(SIGILL); }},
    {SIGBUS, "SIGBUS", [] { std::raise(SIGBUS); }},
#if defined(__x86_64__)  // elsewhere the quotient is 0
    {SIGFPE, "SIGFPE", divide},
#endif
  };
  for (const Case& c : cases) {
    for (const bool in_thread : {false, true}) {
      CAPTURE(c.name, in_thread);
      const Outcome inside = crash(
          [&] {
            const Crossing crossing("test.fixture", "training_step");
            c.fault();
          },
          in_thread);
      CHECK(inside.signal == c.signal);
      CHECK(inside.err == std::string("selfsup-host: plugin test.fixture crashed with ") + c.name +
                              " (callback training_step); run it in a debugger to see where\n");
    }
  }
}

TEST_CASE("threads that crash together are one line") {
  const Outcome outcome = in_child([] {
    install_crash_handlers();
    std::atomic<int> waiting{2};
    const auto fault = [&] {
      const Crossing crossing("test.fixture", "apply");
      for (--waiting; waiting > 0;) {
      }
      std::abort();
    };
    std::thread other(fault);
    fault();
    return 0;
  });
  CHECK(outcome.signal == SIGABRT);
  CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1);
}

TEST_CASE("a crash outside a plugin stays what it was") {
  const auto after_a_crossing = [](void (*fault)()) {
    return [fault] {
      { const Crossing over("test.fixture", "training_step"); }
      fault();
    };
  };
  for (const auto fault : {write_nowhere, selfsup::test::overflow_stack}) {
    for (const bool in_thread : {false, true}) {
      const Outcome outcome = crash(after_a_crossing(fault), in_thread);
      CHECK(outcome.signal == SIGSEGV);
      CHECK(outcome.err == "");
    }
  }
}

TEST_CASE("the handler that was there before gets the signal after the line") {
  const Outcome outcome = in_child([] {
    std::signal(SIGSEGV, [](int) { ::_exit(42); });
    install_crash_handlers();
    const Crossing crossing("test.fixture", "init");
    write_nowhere();
    return 0;
  });
  CHECK(outcome.exit_code == 42);
  CHECK_THAT(outcome.err, Catch::Matchers::Contains("(callback init)"));
}
