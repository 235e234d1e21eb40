// Ranks that end well, badly, or not at all.
#include "launch/launcher.h"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "launch/commits.h"
#include "launch/port.h"
#include "launched.h"
#include "rank_scripts.h"

namespace selfsup::launch {
namespace {

using namespace testing;

const auto short_grace = [](Asked&, Local& local) {
  local.grace = {std::chrono::milliseconds(100), std::chrono::milliseconds(50), std::chrono::milliseconds(100)};
};

}  // namespace

TEST_CASE("ranks are told who they are, and inherit what is theirs alone") {
  Launched launched(3,
                    "has() { test -n \"$1\" && readlink /proc/$$/fd/$1 | sed 's/:.*//' || echo none; }; "
                    "echo $RANK/$WORLD_SIZE $LOCAL_RANK/$LOCAL_WORLD_SIZE $SELFSUP_LAUNCHER $MASTER_ADDR "
                    "$(has \"$SELFSUP_LISTENER\") $(has \"$SELFSUP_COMMITS\") $1 $(readlink /proc/$$/fd/0) "
                    "group:$(($(cut -d' ' -f5 /proc/$$/stat) == $$)) "
                    "job=$SELFSUP_JOB port=$MASTER_PORT >&9");
  std::vector<std::string> lines = launched.rest();
  CHECK(launched.code() == 0);
  std::set<std::string> heads, tails;
  for (const std::string& line : lines) {
    const size_t job = line.find(" job=");
    heads.insert(line.substr(0, job));
    tails.insert(job == std::string::npos ? line : line.substr(job));
  }
  CHECK(heads == std::set<std::string>{"0/3 0/3 local 127.0.0.1 socket pipe first /dev/null group:1",
                                       "1/3 1/3 local 127.0.0.1 none none first /dev/null group:1",
                                       "2/3 2/3 local 127.0.0.1 none none first /dev/null group:1"});
  REQUIRE(tails.size() == 1);
  const std::string tail = *tails.begin();
  CHECK(contains(tail, " job=local-"));
  CHECK(std::stoi(tail.substr(tail.find("port=") + 5)) > 0);
  CHECK(contains(launched.said(), "starting 3 of 3 ranks here, 0 to 2; they meet at 127.0.0.1:"));
}

TEST_CASE("the second of two machines starts its own ranks, and listens on nothing") {
  Launched launched(2,
                    "echo $RANK/$WORLD_SIZE $LOCAL_RANK $MASTER_ADDR:$MASTER_PORT ${SELFSUP_LISTENER-none} "
                    "$SELFSUP_JOB >&9",
                    [](Asked& asked, Local&) { asked.nnodes = 2, asked.node_rank = 1, asked.master_addr = "node1"; });
  const std::vector<std::string> lines = launched.rest();
  CHECK(launched.code() == 0);
  CHECK(std::set<std::string>(lines.begin(), lines.end()) ==
        std::set<std::string>{"2/4 0 node1:29500 none local-2-node1:29500",
                              "3/4 1 node1:29500 none local-2-node1:29500"});
}

TEST_CASE("a rank that fails ends all, with its exit code and its name") {
  for (const int code : {1, 2, 5, 7, 77}) {
    Launched launched(3, "test $RANK = 1 && exit " + std::to_string(code) + "; " + waits);
    launched.rest();
    CHECK(launched.code() == code);
    const std::string last = last_line(launched.said());
    CHECK(contains(last, "error: rank 1 (process "));
    CHECK(contains(last, "failed first, with exit code " + std::to_string(code)));
  }
}

TEST_CASE("a rank that is killed ends all, also those that hear no SIGTERM") {
  Launched launched(3, waits_deaf, short_grace);
  const std::vector<pid_t> pids = pids_of(launched, 3);
  ::kill(pids[1], SIGKILL);
  CHECK(launched.rest().empty());  // nobody is left
  CHECK(launched.code() == 76);
  CHECK(contains(last_line(launched.said()),
                 "error: rank 1 (process " + std::to_string(pids[1]) + ") was killed by SIGKILL"));
}

TEST_CASE("the killed rank is named, however fast the others find out") {
  // They see it by what it had open, which closes before its parent is told that it has ended.
  for (int repeat = 0; repeat < 20; ++repeat) {
    Fifo fifo;
    Launched launched(3, "if [ $RANK = 1 ]; then exec 3>" + fifo.path() + "; echo $RANK $$ >&9; exec sleep 1000; fi; " +
                             "read x <" + fifo.path() + "; exit 76");
    std::istringstream line(launched.line());
    int rank = -1;
    pid_t pid = 0;
    line >> rank >> pid;
    REQUIRE(rank == 1);
    ::kill(pid, SIGKILL);
    CHECK(launched.rest().empty());
    CHECK(launched.code() == 76);
    CHECK(contains(last_line(launched.said()), "rank 1 (process " + std::to_string(pid) + ") was killed by SIGKILL"));
  }
}

TEST_CASE("a rank that is stopped is ended too, at once, and named") {
  // Rank 0 finds out, as the watch over the ranks does, and ends with 76. Nobody waits for one that hears no SIGTERM.
  const auto patient = [](Asked&, Local& local) { local.grace.after_loss = std::chrono::minutes(5); };
  Fifo fifo;
  Launched launched(
      2, "echo $RANK $$ >&9; if [ $RANK = 1 ]; then kill -STOP $$; fi; read x <" + fifo.path() + "; exit 76", patient);
  const std::vector<pid_t> pids = pids_of(launched, 2);
  wait_until_stopped(pids[1], true);
  fifo.write_line();
  CHECK(launched.rest().empty());
  CHECK(launched.code() == 76);
  const std::string last = last_line(launched.said());
  CHECK(
      contains(last, "rank 0 (process " + std::to_string(pids[0]) + ") ended with exit code 76: it lost another rank"));
  CHECK(contains(last, "by SIGKILL alone ended rank 1 (process " + std::to_string(pids[1]) + ")"));
}

TEST_CASE("a rank that says why counts before one that only lost it") {
  // Rank 1 sees the end of rank 0 as the end of what that has open, so it is later.
  Fifo fifo;
  Launched launched(
      2, "if [ $RANK = 0 ]; then exec 3>" + fifo.path() + "; exit 76; fi; read x <" + fifo.path() + "; exit 4",
      [](Asked&, Local& local) { local.grace.for_culprit = local.grace.after_loss = std::chrono::minutes(5); });
  launched.rest();
  CHECK(launched.code() == 4);
  CHECK(contains(last_line(launched.said()), "error: rank 1 (process "));
}

TEST_CASE("ranks that stop and save, or are done before others, are waited for") {
  for (const auto& [early, late, whole] : {std::tuple{75, 75, 75}, {130, 130, 130}, {0, 0, 0}, {0, 3, 3}, {75, 5, 5}}) {
    Fifo fifo;
    Launched launched(2, "if [ $RANK = 1 ]; then echo $RANK $$ >&9; exit " + std::to_string(early) +
                             "; fi; trap 'echo told to end >&9' TERM; read x <" + fifo.path() + "; exit " +
                             std::to_string(late));
    std::istringstream line(launched.line());
    int rank = -1;
    pid_t pid = 0;
    line >> rank >> pid;
    REQUIRE(rank == 1);
    while (::kill(pid, 0) == 0) ::usleep(1000);  // until the launcher knows of its end
    fifo.write_line();
    CHECK(launched.rest().empty());
    CHECK(launched.code() == whole);
  }
}

TEST_CASE("no rank outlives the launcher") {
  Launched launched(3, waits_deaf);
  pids_of(launched, 3);
  ::kill(launched.pid(), SIGKILL);
  CHECK(launched.rest().empty());
  CHECK(launched.code() == 1000 + SIGKILL);
}

TEST_CASE("a lost run starts again, from its checkpoint once it has one") {
  // The first start ends without a checkpoint, the second with one, the third is done.
  Launched launched(2,
                    "echo $1 $RANK ${SELFSUP_JOB#local-*-*/} >&9; "
                    "test $RANK = 0 || exec sleep 1000; "
                    "case $1 in first) kill -KILL $$ ;; again) echo >/proc/$$/fd/$SELFSUP_COMMITS; exit 76 ;; "
                    "onward) exit 3 ;; esac",
                    [](Asked& asked, Local&) { asked.max_restarts = 5; });
  const std::vector<std::string> lines = launched.rest();
  CHECK(launched.code() == 3);  // and an error is not started again
  std::vector<std::string> of_first;
  for (const std::string& line : lines)
    if (contains(line, " 0 ")) of_first.push_back(line);
  REQUIRE(of_first.size() == 3);
  CHECK(contains(of_first[0], "first 0 local-"));
  CHECK(of_first[1] == "again 0 1");
  CHECK(of_first[2] == "onward 0 2");
  CHECK(contains(launched.said(), "restart 1 of 5, in 0.001 s, from where this run began"));
  CHECK(contains(launched.said(), "restart 2 of 5, in 0.001 s, from the newest checkpoint"));
}

TEST_CASE("restarts end: after three in a row that came to no checkpoint, or as many as were allowed") {
  const std::string lost = "test $RANK = 0 || exec sleep 1000; echo start >&9; kill -KILL $$";
  const std::string saves =
      "test $RANK = 0 || exec sleep 1000; echo start >&9; echo >/proc/$$/fd/$SELFSUP_COMMITS; kill -KILL $$";
  struct Case {
    std::string script;
    int64_t allowed;
    size_t starts;
    bool gives_up;
  };
  for (const Case& one :
       {Case{lost, 0, 1, false}, Case{lost, 2, 3, false}, Case{lost, 100, 4, true}, Case{saves, 6, 7, false}}) {
    INFO(one.allowed << " restarts are allowed");
    Launched launched(2, one.script, [&](Asked& asked, Local&) { asked.max_restarts = one.allowed; });
    CHECK(launched.rest().size() == one.starts);
    CHECK(launched.code() == 76);
    CHECK(contains(launched.said(), "3 restarts in a row came to no new checkpoint: giving up") == one.gives_up);
  }
}

TEST_CASE("a port in use and a program that is not there are refused before any rank runs") {
  const Listener taken = listen_on_loopback(0, "");
  Launched busy(2, waits, [&](Asked& asked, Local&) { asked.master_port = taken.port; });
  CHECK(busy.rest().empty());
  CHECK(busy.code() == 2);
  CHECK(contains(last_line(busy.said()), "error: port " + std::to_string(taken.port) + " is in use by process " +
                                             std::to_string(::getpid()) + " ("));
  ::close(taken.descriptor);

  Launched missing(2, waits, [](Asked&, Local& local) { local.program = "/nowhere/selfsup-host"; });
  CHECK(missing.rest().empty());
  CHECK(missing.code() == 1);
  CHECK(contains(missing.said(), "cannot start /nowhere/selfsup-host: No such file or directory"));
}

TEST_CASE("commits are counted, and told to nobody where no launcher listens") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
  ::unsetenv("SELFSUP_COMMITS");
  tell_commit();
  CHECK(count_commits(ends[0]) == 0);
  CHECK(ends[0] >= 0);
  ::setenv("SELFSUP_COMMITS", std::to_string(ends[1]).c_str(), 1);
  for (int i = 0; i < 300; ++i) tell_commit();
  CHECK(count_commits(ends[0]) == 300);
  // Something else under that number, and a pipe that is full, are no harm.
  const int file = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  ::setenv("SELFSUP_COMMITS", std::to_string(file).c_str(), 1);
  tell_commit();
  ::setenv("SELFSUP_COMMITS", std::to_string(ends[1]).c_str(), 1);
  for (int i = 0; i < 70'000; ++i) tell_commit();
  CHECK(count_commits(ends[0]) >= 4096);
  ::close(ends[1]);
  CHECK(count_commits(ends[0]) == 0);
  CHECK(ends[0] == -1);
  ::unsetenv("SELFSUP_COMMITS");
  ::close(file);
}

}  // namespace selfsup::launch
