// Signals at the launcher: what its ranks hear of them.
#include <catch2/catch.hpp>

#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include "launched.h"
#include "rank_scripts.h"

namespace selfsup::launch {

using namespace testing;

TEST_CASE("signals go on to all ranks, each time") {
  // The shell runs a trap when `wait` is interrupted; what waits in the background goes with its rank.
  Launched launched(2,
                    "for s in USR1 USR2 HUP INT TERM; do trap \"echo $s >&9\" $s; done; "
                    "trap 'echo TERM >&9; stops=$((stops + 1)); test $stops -lt 2 || exit 75' TERM; stops=0; "
                    "sleep 1000 & echo ready >&9; while :; do wait; done");
  CHECK(launched.line() == "ready");
  CHECK(launched.line() == "ready");
  for (const auto& [signal, name] : {std::pair{SIGUSR1, "USR1"},
                                     {SIGUSR2, "USR2"},
                                     {SIGHUP, "HUP"},
                                     {SIGUSR1, "USR1"},
                                     {SIGINT, "INT"},
                                     {SIGTERM, "TERM"},
                                     {SIGTERM, "TERM"}}) {
    ::kill(launched.pid(), signal);
    CHECK(launched.line() == name);
    CHECK(launched.line() == name);
  }
  CHECK(launched.rest().empty());
  CHECK(launched.code() == 75);
}

TEST_CASE("what nohup and a script's background job are not to hear, neither the launcher nor its ranks hear") {
  for (const int signal : {SIGHUP, SIGINT}) {
    struct sigaction ignore {
    }, before{};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(signal, &ignore, &before);
    Launched launched(1, "sed -n 's/^SigIgn:[^0-9a-f]*//p' /proc/$$/status >&9; kill -KILL $$",
                      [](Asked& asked, Local& local) {
                        asked.max_restarts = 1;
                        local.back_off = std::chrono::seconds(1);
                      });
    ::sigaction(signal, &before, nullptr);
    CHECK((std::stoull(launched.line(), nullptr, 16) >> (signal - 1) & 1) == 1);
    while (!contains(launched.said(), "restart 1 of 1")) ::usleep(1000);
    ::kill(launched.pid(), signal);
    CHECK(launched.rest().size() == 1);  // it has started again
    CHECK(launched.code() == 76);
  }
}

TEST_CASE("Ctrl-Z stops the ranks and the launcher, fg lets them go on, and the time between counts for nobody") {
  // Rank 0 has lost rank 1, which has three seconds from then on; and is stopped for longer.
  Fifo fifo;
  Launched launched(2,
                    "trap '' TERM; echo $RANK $$ >&9; test $RANK = 1 || exit 76; read x <" + fifo.path() +
                        "; sleep 0.3; echo saved >&9",
                    [](Asked&, Local& local) { local.grace.after_loss = std::chrono::seconds(3); });
  const std::vector<pid_t> pids = pids_of(launched, 2);
  while (::kill(pids[0], 0) == 0) ::usleep(1000);  // until the launcher knows of its end
  ::kill(launched.pid(), SIGTSTP);
  for (const pid_t pid : {launched.pid(), pids[1]}) wait_until_stopped(pid, true);
  fifo.write_line();
  ::usleep(3'500'000);
  ::kill(launched.pid(), SIGCONT);
  for (const pid_t pid : {launched.pid(), pids[1]}) wait_until_stopped(pid, false);
  CHECK(launched.line() == "saved");
  CHECK(launched.rest().empty());
  CHECK(launched.code() == 76);
}

TEST_CASE("Ctrl-Z while it waits to start again stops the launcher") {
  Launched launched(1, "kill -KILL $$", [](Asked& asked, Local& local) {
    asked.max_restarts = 1;
    local.back_off = std::chrono::milliseconds(500);
  });
  while (!contains(launched.said(), "restart 1 of 1")) ::usleep(1000);
  ::kill(launched.pid(), SIGTSTP);
  wait_until_stopped(launched.pid(), true);
  ::kill(launched.pid(), SIGCONT);
  CHECK(launched.rest().empty());
  CHECK(launched.code() == 76);
}

TEST_CASE("a rank that writes to a terminal whose foreground is another's goes on") {
  Launched launched(1, "sed -n 's/^SigIgn:[^0-9a-f]*//p' /proc/$$/status >&9");
  CHECK((std::stoull(launched.line(), nullptr, 16) >> (SIGTTOU - 1) & 1) == 1);
  CHECK(launched.rest().empty());
  CHECK(launched.code() == 0);
}

TEST_CASE("a rank that SIGTERM ends before it can save is no loss to restart from") {
  Launched launched(2, waits, [](Asked& asked, Local&) { asked.max_restarts = 3; });
  pids_of(launched, 2);
  ::kill(launched.pid(), SIGTERM);
  CHECK(launched.rest().empty());
  CHECK(launched.code() == 143);
  CHECK(contains(last_line(launched.said()), "was killed by SIGTERM, which was passed on, before it could save"));
}

TEST_CASE("SIGTERM or SIGHUP while it waits to start again ends the launcher") {
  const int signal = GENERATE(SIGTERM, SIGHUP);
  Launched launched(1, "kill -KILL $$", [](Asked& asked, Local& local) {
    asked.max_restarts = 1;
    local.back_off = std::chrono::minutes(10);
  });
  while (!contains(launched.said(), "restart 1 of 1")) ::usleep(1000);
  ::kill(launched.pid(), signal);
  CHECK(launched.rest().empty());
  CHECK(launched.code() == 75);
}

}  // namespace selfsup::launch
