// Ranks that meet, and those that do not: processes, with faults among them.
#include "distributed/rendezvous.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <atomic>
#include <catch2/catch.hpp>
#include <random>
#include <thread>

#include "base/errors.h"
#include "distributed/network.h"
#include "distributed/rank_text.h"
#include "distributed/support/rank_bodies.h"
#include "distributed/world.h"
#include "rank_world.h"

namespace selfsup::distributed {
namespace {

using Catch::Contains;
using test::Port;
using test::RankEnd;
using test::RankPlace;
using test::RankProcess;
using testing::listens;
using testing::say;

constexpr int usage = static_cast<int>(Exit::usage), peer = static_cast<int>(Exit::peer),
              disagree = static_cast<int>(Exit::disagree);

// Rank 0's process is the store: it stays until all have said that they are through.
void finish_together(const Rendezvous& rendezvous, const RankPlace& place) {
  const auto store = rendezvous.store("end", std::chrono::minutes(1));
  store->add("through", 1);
  while (place.rank == 0 && store->add("through", 0) < place.world)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

// As told_meeting; "met over INTERFACE", by the rendezvous alone.
const test::RankBody meets("meets", [](const RankPlace& place) {
  say("starting");
  const Rendezvous rendezvous(test::ranks_of(place), testing::told_meeting(place), place.patience);
  say("met over " + rendezvous.interface());
  finish_together(rendezvous, place);
});

// As meets, until it is killed.
const test::RankBody stays("stays", [](const RankPlace& place) {
  const Rendezvous rendezvous(test::ranks_of(place), testing::told_meeting(place), place.patience);
  say("met");
  while (true) ::pause();
});

// Rank 0 stops; the others ask its store, which gives up.
const test::RankBody freezes("freezes", [](const RankPlace& place) {
  const Rendezvous rendezvous(test::ranks_of(place), test::meeting_of(place), place.patience);
  const auto store = rendezvous.store("freeze", std::chrono::milliseconds(300));
  if (place.rank == 0) {
    while (store->add("beat", 0) == 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    say("going");
    raise(SIGSTOP);
    return;
  }
  try {
    while (true) store->add("beat", 1);
  } catch (const std::exception& e) {
    say("gave up: " + first_line(e.what()));
  }
});

constexpr auto kShort = std::chrono::milliseconds(300);

// One rank of `world` on its way to a port; with its socket, rank 0's.
struct Caller {
  int rank, world, port;
  std::string argument = {}, job = "job";
  std::chrono::milliseconds patience = std::chrono::minutes(1);
};
RankProcess start(const Caller& caller, const Port* listener = nullptr, const test::RankBody& body = meets) {
  return {body,
          {caller.rank,
           caller.world,
           {},
           caller.argument,
           caller.port,
           listener ? listener->descriptor() : -1,
           caller.job,
           caller.patience}};
}

template <typename Matcher>
void check_end(const RankEnd& end, int code, const Matcher& text) {
  INFO(end.text);
  CHECK(end.exit == code);
  CHECK_THAT(end.text, text);
}

std::string process_text(const RankProcess& process) { return "process " + std::to_string(process.id()) + " on "; }

// An address of this machine that others could reach: IPv4, of an interface that is up; empty: there is none.
std::string outer_address() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return {};
  std::string out;
  for (const ifaddrs* at = list; at; at = at->ifa_next) {
    if (!at->ifa_addr || at->ifa_addr->sa_family != AF_INET || (at->ifa_flags & IFF_LOOPBACK)) continue;
    char text[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(at->ifa_addr)->sin_addr, text, sizeof text);
    if (out.empty() && (at->ifa_flags & IFF_UP)) out = text;
  }
  freeifaddrs(list);
  return out;
}

// Connects again and again to a port of loopback, as scanners and strangers do: random bytes, what a browser would say,
// nothing at all, half a greeting of the store's own.
class Junk {
 public:
  explicit Junk(int port) : thread_([this, port] { hammer(port); }) {}
  ~Junk() {
    if (thread_.joinable()) stop();
  }
  int stop() {
    stopped_ = true;
    thread_.join();
    for (const int descriptor : open_) ::close(descriptor);
    return count_;
  }
  int count() const { return count_; }

 private:
  void hammer(int port) {
    std::mt19937 random(7);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    while (!stopped_) {
      const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) ++count_;
      std::string bytes;
      switch (count_ % 4) {
        case 0:
          bytes = "GET / HTTP/1.1\r\n\r\n";
          break;
        case 1:
          bytes = std::string(1, '\0') + "\xCE";
          break;
        case 2:
          break;
        default:
          for (int i = 0; i < 64; ++i) bytes += static_cast<char>(random());
      }
      if (!bytes.empty()) (void)!::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      open_.push_back(descriptor);
      if (open_.size() > 100) {  // half of them stay open for a while, some to the end
        ::close(open_[open_.size() / 2]);
        open_.erase(open_.begin() + static_cast<long>(open_.size() / 2));
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  std::atomic<bool> stopped_{false};
  std::atomic<int> count_{0};
  std::vector<int> open_;
  std::thread thread_;
};

}  // namespace

TEST_CASE("ranks in words") {
  CHECK(rank_text({3}) == "rank 3");
  CHECK(rank_text({0, 1}) == "ranks 0, 1");
  CHECK(rank_text({1, 3, 4, 5, 7, 8}) == "ranks 1, 3-5, 7, 8");
}

TEST_CASE("ranks of one machine meet over loopback, whoever comes first") {
  Port port;
  std::vector<RankProcess> ranks;
  const bool first = GENERATE(true, false);
  if (!first) {  // the port is there, though nobody answers yet
    ranks.push_back(start({1, 3, port.number()}));
    ranks.push_back(start({2, 3, port.number()}));
  }
  ranks.push_back(start({0, 3, port.number()}, &port));
  if (first) {
    ranks.push_back(start({1, 3, port.number()}));
    ranks.push_back(start({2, 3, port.number()}));
  }
  port.close();
  for (const RankEnd& end : ends_of(ranks)) check_end(end, 0, Contains("met over lo"));
}

TEST_CASE("a rank that comes before anybody listens tries again until rank 0 does") {
  Port port;
  const int number = port.number();
  port.close();
  RankProcess late = start({1, 2, number});
  late.read_until("starting");  // what follows takes it less time than the start of another process
  RankProcess zero = start({0, 2, number});
  check_end(zero.end(), 0, Contains("met over lo"));
  check_end(late.end(), 0, Contains("met over lo"));
}

TEST_CASE("ranks that do not come are named to all who did") {
  Port port;
  std::vector<RankProcess> ranks;
  for (const int rank : {1, 4}) ranks.push_back(start({rank, 6, port.number()}));
  for (RankProcess& rank : ranks) rank.read_until("starting");
  ranks.push_back(start({.rank = 0, .world = 6, .port = port.number(), .patience = std::chrono::seconds(5)}, &port));
  port.close();
  for (const RankEnd& end : ends_of(ranks))
    check_end(end, peer, Contains("ranks 2, 3, 5 of 6 did not come within 5 s"));
}

TEST_CASE("nobody at the port: what was tried, how often and how long") {
  Port port;
  const int number = port.number();
  port.close();
  const RankEnd end = start({.rank = 1, .world = 2, .port = number, .patience = std::chrono::milliseconds(500)}).end();
  check_end(end, peer, Contains("rank 0 did not answer at 127.0.0.1:" + std::to_string(number)));
  CHECK_THAT(end.text, Contains("Connection refused; ") && (Contains("tries in ") || Contains("1 try in ")));
}

TEST_CASE("an address that leads nowhere is a usage error with the resolver's words") {
  for (const int rank : {0, 1}) {
    const RankEnd end = start({rank, 2, 29500, "several address=no-such-machine.invalid", "job", kShort}).end();
    check_end(end, usage, Contains("\"no-such-machine.invalid\" cannot be resolved"));
  }
}

TEST_CASE("several machines cannot meet on one's loopback, nor on another machine's address") {
  Port port;
  const RankEnd own = start({0, 2, port.number(), "several", "job", kShort}).end();
  check_end(own, usage, Contains("no other machine reaches that"));
  const RankEnd other = start({1, 2, port.number(), "several", "job", kShort}).end();
  check_end(other, usage, Contains("leads rank 1 to its own one"));
  const RankEnd foreign = start({0, 2, port.number(), "several address=192.0.2.77", "job", kShort}).end();
  check_end(foreign, usage, Contains("no address of this machine"));
}

TEST_CASE("a second process of one rank is refused, and told who has the number") {
  Port port;
  RankProcess zero = start({0, 3, port.number()}, &port);
  port.close();
  RankProcess one = start({1, 3, port.number()}), again = start({1, 3, port.number()});
  // One of the two has the number; the other ends at once, while the first still waits for rank 2.
  RankProcess* loser = nullptr;
  while (!loser) loser = one.ended() ? &one : again.ended() ? &again : nullptr;
  RankProcess* const winner = loser == &one ? &again : &one;
  check_end(loser->end(), usage, Contains(process_text(*winner)));
  RankProcess two = start({2, 3, port.number()});
  for (RankProcess* process : {&zero, winner, &two}) check_end(process->end(), 0, Contains("met over lo"));
}

TEST_CASE("a process of another job is told whose port it is, and disturbs nobody") {
  Port port;
  RankProcess zero = start({0, 2, port.number(), "", "mine"}, &port);
  port.close();
  const RankEnd stranger = start({1, 2, port.number(), "", "theirs"}).end();
  check_end(stranger, usage, Contains("job mine with 2 ranks, whose rank 0 is " + process_text(zero)));
  CHECK_THAT(stranger.text, Contains("rank 1 of job theirs") && Contains("--master-port"));
  RankProcess one = start({1, 2, port.number(), "", "mine"});
  check_end(zero.end(), 0, Contains("met over lo"));
  check_end(one.end(), 0, Contains("met over lo"));
}

// Launchers of several machines call their jobs by the place to meet: all that they have in common from the start.
TEST_CASE("a second run of several machines at one place is refused on each of them, and told what to change") {
  const std::string address = outer_address();
  if (address.empty()) {
    WARN("this machine has no address but loopback");
    return;
  }
  Port free;  // of loopback; most likely free on the other interface too
  const int port = free.number();
  free.close();
  const auto rank = [&](int number, const test::RankBody& body) {
    const std::string job = "local-2-" + address + ":" + std::to_string(port);
    return start({number, 2, port, "several address=" + address, job}, nullptr, body);
  };
  RankProcess zero = rank(0, stays), one = rank(1, stays);
  for (RankProcess* process : {&zero, &one}) process->read_until("met");
  check_end(rank(0, meets).end(), usage,
            Contains("port " + std::to_string(port) + " of " + address + " is in use by process " +
                     std::to_string(zero.id()) + " ("));
  check_end(rank(1, meets).end(), usage,
            Contains(process_text(one)) && Contains("another run at the same time another port (PORT of the scripts"));
}

TEST_CASE("another number of ranks is a disagreement") {
  Port port;
  RankProcess zero = start({0, 2, port.number()}, &port);
  port.close();
  check_end(start({1, 3, port.number()}).end(), disagree, Contains("one of 3 ranks, rank 0"));
}

TEST_CASE("a port in use is one line with the port, who has it and what to change") {
  Port port;
  const RankEnd end = start({0, 2, port.number()}).end();
  check_end(end, usage, Contains("port " + std::to_string(port.number()) + " of 127.0.0.1 is in use"));
  CHECK_THAT(end.text, Contains("by process " + std::to_string(::getpid())) && Contains("--master-port"));
  CHECK(std::count(end.text.begin(), end.text.end(), '\n') == 2);  // of "starting" too
}

TEST_CASE("what listens and says nothing is no rank 0") {
  Port port;  // its backlog accepts
  const RankEnd end = start({1, 2, port.number(), "", "job", kShort}).end();
  check_end(end, peer, Contains("does not answer as rank 0 of a run would"));
  CHECK_THAT(end.text, Contains("process " + std::to_string(::getpid())));
}

TEST_CASE("strangers at the port disturb neither the meeting nor the run") {
  Port port;
  Junk junk(port.number());
  while (junk.count() < 50) std::this_thread::yield();  // before anybody answers
  std::vector<RankProcess> ranks = start_ranks(testing::loops, 3, port, {.argument = "300"});
  for (const RankEnd& end : ends_of(ranks)) check_end(end, 0, Contains("looped"));
  CHECK(junk.stop() > 300);
}

TEST_CASE("operations of a store whose process stands still give up") {
  Port port;
  std::vector<RankProcess> ranks = start_ranks(freezes, 2, port);
  ranks[0].read_until("going");
  const RankEnd end = ranks[1].end();
  check_end(end, 0, Contains("gave up: "));
  CHECK_THAT(end.text, !Contains("frame #"));  // LibTorch's log is silent
}

TEST_CASE("where the launcher serves the store, nobody else does") {
  c10d::TCPStoreOptions options;
  options.port = 0;
  options.isServer = true;
  options.waitWorkers = false;
  const auto server = c10::make_intrusive<c10d::TCPStore>("127.0.0.1", options);
  const c10::intrusive_ptr<c10d::Store> served = server;
  served->set("selfsup/job", std::string("what an earlier attempt left"));
  std::vector<RankProcess> ranks;
  for (const int rank : {1, 0})
    ranks.push_back(start({rank, 2, server->getPort(), "served", "second attempt"}, nullptr, listens));
  for (const RankEnd& end : ends_of(ranks)) {
    check_end(end, 0, Contains("listens 127.0.0.1"));
    CHECK(served->check({"selfsup/second attempt/claim/0", "selfsup/second attempt/claim/1"}));
  }
}

TEST_CASE("ranks of several machines listen on the one address that is given") {
  const std::string address = outer_address();
  if (address.empty()) {
    WARN("this machine has no address but loopback");
    return;
  }
  const Port free;  // of loopback; most likely free on the other interface too
  std::vector<RankProcess> ranks;
  for (const int rank : {1, 0})
    ranks.push_back(start({rank, 2, free.number(), "several address=" + address}, nullptr, listens));
  const std::string one = "listens " + address + "\n";
  check_end(ranks[0].end(), 0, Contains(one + one));        // gloo's, of both groups
  check_end(ranks[1].end(), 0, Contains(one + one + one));  // and the store
}

}  // namespace selfsup::distributed
