// A rank that does nothing but be watched, for tests that stop and kill it.
//   monitor_helper RANK WORLD PORT BEAT SILENT STILL      milliseconds; rank 0 serves, and PORT is 0 there
// Says "port N" (rank 0), "ready" when all ranks have given a sign, and how it ends: "verdict TEXT", "blamed TEXT".
// Takes iterations until a line on stdin says otherwise: "hang", "blame", "fail CODE TEXT", "part".
#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "distributed/monitor_signs.h"
#include "distributed/monitor_threads.h"
#include "monitor_store.h"

using namespace selfsup;
using namespace selfsup::distributed;

namespace {

constexpr int kPeer = static_cast<int>(Exit::peer);

void say(const std::string& line) {
  const std::string whole = line + "\n";
  [[maybe_unused]] const ssize_t written = ::write(STDOUT_FILENO, whole.data(), whole.size());
}

// A line that has come; the end of the input is one that says "part".
std::optional<std::string> command() {
  pollfd input{STDIN_FILENO, POLLIN, 0};
  if (::poll(&input, 1, 5) <= 0) return std::nullopt;
  std::string line;
  return std::getline(std::cin, line) ? line : "part";
}

std::optional<Sign> sign_in(c10d::Store& store, int rank) {
  const std::string key = "sign/" + std::to_string(rank);
  return store.check({key}) ? sign_of(store.get_to_str(key)) : std::nullopt;
}

// As in a run, where ranks have met before they are watched.
void meet(c10d::Store& store, int world) {
  for (int64_t here = store.add("here", 1); here < world; here = store.add("here", 0))
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

// Until every rank has read the others' signs: two signs after all have given one.
void wait_for_all(c10d::Store& store, int world) {
  std::vector<uint64_t> first(static_cast<size_t>(world));
  for (const uint64_t more : {0, 2})
    for (int rank = 0; rank < world; ++rank) {
      uint64_t& beat = first[static_cast<size_t>(rank)];
      for (;; std::this_thread::sleep_for(std::chrono::milliseconds(5))) {
        const auto sign = sign_in(store, rank);
        if (!sign || sign->beat < beat + more) continue;
        beat = sign->beat;
        break;
      }
    }
}

int run(int rank, int world, int port, const Limits& limits) {
  std::optional<test::StoreServer> server;
  if (rank == 0) port = server.emplace().port();
  if (rank == 0) say("port " + std::to_string(port));
  const test::StorePointer store = test::connect_store(port);
  meet(*store, world);
  Progress progress;
  MonitorThreads monitor([port] { return test::connect_store(port); }, rank, world, progress, limits,
                         [](const std::string& text) {
                           say("verdict " + text);
                           ::_exit(kPeer);
                         });
  wait_for_all(*store, world);
  say("ready");
  bool hangs = false;
  for (int64_t iter = 0;; ++iter) {
    if (!hangs) progress.enter(Phase::forward, iter);
    const auto line = command();
    if (!line) continue;
    std::istringstream words(*line);
    std::string what, text;
    int code = 0;
    words >> what;
    if (what == "hang") hangs = true;
    if (what == "part") return 0;
    if (what == "blame") {
      say(std::string("blamed ") + monitor.blame("the connection was closed").what());
      return kPeer;
    }
    if (what == "fail") {
      words >> code >> text;
      monitor.tell_failure(static_cast<Exit>(code), text);
      return code;
    }
  }
}

}  // namespace

int main(int count, char** words) {
  if (count != 7) return static_cast<int>(Exit::usage);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const auto number = [&](int at) { return std::atoi(words[at]); };
  using Milliseconds = std::chrono::milliseconds;
  return run(number(1), number(2), number(3),
             {Milliseconds(number(4)), Milliseconds(number(5)), Milliseconds(number(6))});
}
