// Ranks as processes that do nothing but be watched, which are killed, stopped and ended in all ways, and what the
// others of them then say.
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/errors.h"
#include "distributed/monitor_signs.h"
#include "distributed/monitor_threads.h"
#include "distributed/torch_log.h"
#include "monitor_store.h"
#include "processes.h"

namespace {

using namespace selfsup;
using namespace selfsup::distributed;
using namespace std::chrono_literals;

// --- a rank ----------------------------------------------------------------------------------------------------------

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
  for (int64_t here = store.add("here", 1); here < world; here = store.add("here", 0)) std::this_thread::sleep_for(5ms);
}

// Until every rank has read the others' signs: two signs after all have given one.
void wait_for_all(c10d::Store& store, int world) {
  std::vector<uint64_t> first(static_cast<size_t>(world));
  for (const uint64_t more : {0, 2})
    for (int rank = 0; rank < world; ++rank) {
      uint64_t& beat = first[static_cast<size_t>(rank)];
      for (;; std::this_thread::sleep_for(5ms)) {
        const auto sign = sign_in(store, rank);
        if (!sign || sign->beat < beat + more) continue;
        beat = sign->beat;
        break;
      }
    }
}

Limits limits_in(const std::string& argument) {
  std::istringstream words(argument);
  int64_t beat = 0, silent = 0, still = 0;
  words >> beat >> silent >> still;
  using Milliseconds = std::chrono::milliseconds;
  return {Milliseconds(beat), Milliseconds(silent), Milliseconds(still)};
}

// Takes iterations until a line on stdin says otherwise; the exit code.
int take_iterations(MonitorThreads& monitor, Progress& progress) {
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

// argument: beat, silence and standstill in milliseconds. Says "ready" when all ranks have given a sign, and how it
// ends: "verdict TEXT", "blamed TEXT". Hears "hang", "blame", "fail CODE TEXT", "part".
const test::RankBody watched("watched", [](const test::RankPlace& place) {
  quieten_torch_log();
  int code = 0;
  {
    std::optional<test::StoreServer> server;
    if (place.rank == 0) server.emplace(place.listener, place.port);
    const test::StorePointer store = test::connect_store(place.port);
    meet(*store, place.world);
    Progress progress;
    MonitorThreads monitor([&place] { return test::connect_store(place.port); }, place.rank, place.world, progress,
                           limits_in(place.argument),
                           [](const std::string& text) {
                             say("verdict " + text);
                             ::_exit(kPeer);
                           });
    wait_for_all(*store, place.world);
    say("ready");
    code = take_iterations(monitor, progress);
  }
  ::_exit(code);
});

// --- the test
// ----------------------------------------------------------------------------------------------------------

// A limit of silence that these tests never reach: what is found is found otherwise.
constexpr char kPatient[] = "50 600000 0", kShort[] = "50 1500 0";

class World {
 public:
  World(int world, const std::string& times) {
    test::Port port;
    test::RankPlace place;
    place.argument = times;
    ranks_ = start_ranks(watched, world, port, place);
    for (test::RankProcess& rank : ranks_) {
      REQUIRE(rank.line() == "ready");
      processes_.push_back(rank.id());
    }
  }
  test::RankProcess& operator[](int rank) { return ranks_[static_cast<size_t>(rank)]; }
  int size() const { return static_cast<int>(ranks_.size()); }
  std::string name(int rank) const {
    char host[256] = {};
    ::gethostname(host, sizeof host - 1);
    return "rank " + std::to_string(rank) + " on " + host + " (process " +
           std::to_string(processes_[static_cast<size_t>(rank)]) + ")";
  }

  // All but one end with 76 and a line that has both texts.
  void all_others_end(int culprit, const std::string& said, const std::string& text, const std::string& place = "") {
    for (int i = 0; i < size(); ++i) {
      if (i == culprit) continue;
      INFO("rank " << i);
      const std::string line = (*this)[i].line();
      CHECK(line.substr(0, said.size() + 1) == said + " ");
      INFO(line);
      CHECK(line.find(text) != line.npos);
      CHECK(line.find(place) != line.npos);
      CHECK((*this)[i].line().empty());
      CHECK((*this)[i].end().exit == 76);
    }
  }

 private:
  std::vector<test::RankProcess> ranks_;
  std::vector<pid_t> processes_;
};

}  // namespace

TEST_CASE("a killed rank's end is known at once, and named by all others") {
  for (const int culprit : {1, 2}) {
    World world(3, kPatient);
    world[culprit].signal(SIGKILL);
    CHECK(world[culprit].end().exit == 128 + SIGKILL);
    world.all_others_end(culprit, "verdict", world.name(culprit) + " has ended without a word");
  }
}

TEST_CASE("rank 0's end, with which its store goes, is named by all others") {
  World world(3, kPatient);
  world[0].signal(SIGKILL);
  CHECK(world[0].end().exit == 128 + SIGKILL);
  world.all_others_end(0, "verdict", world.name(0), ", last seen ");
}

TEST_CASE("who asks for whom to blame is told of the killed rank") {
  World world(3, kPatient);
  world[2].signal(SIGKILL);
  CHECK(world[2].end().exit == 128 + SIGKILL);
  for (const int rank : {0, 1}) world[rank].tell("blame");
  for (const int rank : {0, 1}) {
    const std::string line = world[rank].line();
    INFO(line);
    CHECK(line.find("blamed " + world.name(2)) == 0);  // by its end, or by its silence: whatever is seen first
    CHECK(world[rank].end().exit == 76);
  }
}

TEST_CASE("a stopped rank is named with its place, and ends itself when it goes on") {
  for (const int culprit : {0, 1}) {
    World world(3, kShort);
    world[culprit].tell("hang");
    world[culprit].signal(SIGSTOP);
    world.all_others_end(culprit, "verdict", world.name(culprit), ", last seen ");
    world[culprit].signal(SIGCONT);
    CHECK(world[culprit].line().substr(0, 8) == "verdict ");
    CHECK(world[culprit].end().exit == 76);
  }
}

TEST_CASE("a rank that lives and does nothing is named with its phase") {
  World world(3, "50 600000 1500");
  world[1].tell("hang");
  world.all_others_end(1, "verdict", world.name(1) + " stands still at iteration");
  CHECK(world[1].line().find("(the forward pass)") != std::string::npos);
  CHECK(world[1].end().exit == 76);
}

TEST_CASE("a rank that stands still reads that it is to blame before rank 0 and its store are gone") {
  World world(2, "500 600000 1500");
  world[1].tell("hang");
  const std::string line = world[0].line();
  INFO(line);
  CHECK(line.find(world.name(1) + " stands still") != line.npos);
  CHECK(world[1].line() == line);
  CHECK(world[0].end().exit == 76);
  CHECK(world[1].end().exit == 76);
}

TEST_CASE("a job that was suspended as a whole goes on") {
  World world(3, kShort);
  for (int i = 0; i < 3; ++i) world[i].signal(SIGSTOP);
  std::this_thread::sleep_for(4s);  // the length of the suspension: more than twice the limit
  for (int i = 0; i < 3; ++i) world[i].signal(SIGCONT);
  std::this_thread::sleep_for(500ms);  // ten beats, in which somebody might be accused
  for (int i = 0; i < 3; ++i) world[i].tell("part");
  for (int i = 0; i < 3; ++i) {
    CHECK(world[i].line().empty());
    CHECK(world[i].end().exit == 0);
  }
}

TEST_CASE("the error of a rank reaches all others, whichever it is") {
  for (const int culprit : {0, 1}) {
    World world(3, kPatient);
    world[culprit].tell("fail 5 disk-full");
    CHECK(world[culprit].end().exit == 5);
    world.all_others_end(culprit, "verdict", world.name(culprit) + " failed: disk-full (exit code 5)");
  }
}

TEST_CASE("ranks that part in any order are no failure") {
  for (const auto& order : {std::vector<int>{0, 1, 2}, std::vector<int>{2, 1, 0}, std::vector<int>{1, 0, 2}}) {
    World world(3, "50 20000 0");
    for (const int rank : order) world[rank].tell("part");
    for (const int rank : order) {
      CHECK(world[rank].line().empty());
      CHECK(world[rank].end().exit == 0);
    }
  }
}

TEST_CASE("a rank that is killed after another has parted is still named by the third") {
  World world(3, kPatient);
  world[2].tell("part");
  CHECK(world[2].line().empty());
  CHECK(world[2].end().exit == 0);
  world[1].signal(SIGKILL);
  CHECK(world[1].end().exit == 128 + SIGKILL);
  const std::string line = world[0].line();
  INFO(line);
  CHECK(line.find(world.name(1) + " has ended without a word") != line.npos);
  CHECK(world[0].end().exit == 76);
}

TEST_CASE("a rank that parts while its store hangs ends all the same") {
  World world(2, kPatient);
  world[0].signal(SIGSTOP);
  world[1].tell("part");
  CHECK(world[1].line().empty());
  CHECK(world[1].end().exit == 0);
}
