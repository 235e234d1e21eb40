// What code of plugins does to the process and to the thread that calls it is put back, and said.
#include "plugin/surroundings.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

#include <catch2/catch.hpp>
#include <cfenv>
#include <exception>
#include <filesystem>
#include <functional>

#include "plugin/crossing.h"
#include "plugin/support/plugins.h"

using namespace selfsup::plugin;
using namespace selfsup::plugin::test;
using Catch::Matchers::Contains;

namespace {

bool blocks(int signal) {
  sigset_t blocked;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  return sigismember(&blocked, signal) == 1;
}

// In a child: `change` is what a plugin does, `kept` whether all is as it was.
Outcome after(const std::function<void()>& change, const std::function<bool()>& kept) {
  return in_child([&] {
    ::signal(SIGTERM, [](int) {});
    remember_surroundings();
    {
      const Crossing crossing("test.fixture", "create");
      change();
    }
    if (kept()) return 2;  // it was no change
    restore_surroundings();
    restore_surroundings();
    return kept() ? 0 : 1;
  });
}

}  // namespace

TEST_CASE("the working folder, the mask of files and signals are put back, and whose change it was is said once") {
  struct Case {
    const char* what;
    std::function<void()> change;
    std::function<bool()> kept;
  };
  const auto here = std::filesystem::current_path();
  const auto mask = [] {
    const mode_t now = ::umask(022);
    ::umask(now);
    return now;
  };
  const mode_t before = mask();
  const auto terminates = [] {
    struct sigaction now {};
    ::sigaction(SIGTERM, nullptr, &now);
    return now.sa_handler != SIG_IGN && now.sa_handler != SIG_DFL;
  };
  const Case cases[] = {
      {"the working folder", [] { ::syscall(SYS_chdir, "/"); },
       [here] { return std::filesystem::current_path() == here; }},
      {"the mask of new files' modes (umask)", [] { ::umask(0777); }, [&] { return mask() == before; }},
      {"what SIGTERM does", [] { ::signal(SIGTERM, SIG_IGN); }, terminates},
      {"which signals are blocked",
       [] {
         sigset_t all;
         sigfillset(&all);
         ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
       },
       [] { return !blocks(SIGTERM) && !blocks(SIGINT); }}};
  for (const Case& c : cases) {
    CAPTURE(c.what);
    const Outcome outcome = after(c.change, c.kept);
    CHECK(outcome.exit_code == 0);
    CHECK(outcome.err == std::string("warning: plugin test.fixture has changed what is the process's: ") + c.what +
                             "; the host puts it back\n");
  }
  CHECK(after([] { ::signal(SIGUSR2, SIG_IGN); }, [] { return false; }).err.empty());  // a signal of nobody's
}

TEST_CASE("a crossing leaves floating-point modes and the handler of std::terminate as they were") {
  const Outcome outcome = in_child([] {
    install_crash_handlers();
    for (int i = 0; i < 2; ++i) {
      const Crossing crossing("test.fixture", "apply");
      {
        const Crossing inner("test.fixture", "encode");
        std::fesetround(FE_UPWARD);
      }
      if (std::fegetround() != FE_TONEAREST) return 1;
      std::set_terminate([] { ::syscall(SYS_exit_group, 0); });
    }
    volatile double tenth = 0.1;
    if (std::fegetround() != FE_TONEAREST || tenth * 3 != 0.30000000000000004) return 2;
    std::terminate();
  });
  CHECK(outcome.signal == SIGABRT);
  CHECK_THAT(outcome.err, Contains("plugin test.fixture has changed how floating-point numbers are rounded (callback "
                                   "encode); the host puts it back\n"));
  CHECK_THAT(outcome.err, Contains("has changed the handler of std::terminate (callback apply)"));
}

#if defined(__SSE__)
TEST_CASE("denormals that a plugin has switched off are back") {
  const Outcome outcome = in_child([] {
    {
      const Crossing crossing("test.fixture", "apply");
      _mm_setcsr(_mm_getcsr() | 0x8040);  // flush to zero, denormals are zero
    }
    volatile float smallest = 1.17549435e-38f;
    return smallest / 2 > 0 ? 0 : 1;
  });
  CHECK(outcome.exit_code == 0);
}
#endif
