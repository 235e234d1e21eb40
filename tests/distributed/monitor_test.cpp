// Ranks' monitors as threads of one process over a store: who hears what.
#include <catch2/catch.hpp>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "distributed/monitor_signs.h"
#include "distributed/monitor_threads.h"
#include "monitor_store.h"

using namespace selfsup;
using namespace selfsup::distributed;
using namespace std::chrono_literals;

namespace {

constexpr Limits kQuick{20ms, 600s, 0ms};

// One rank, whose verdict is kept instead of ending the process.
class Rank {
 public:
  Rank(const test::StoreServer& server, int rank, int world, const Limits& limits = kQuick)
      : monitor_(std::make_unique<MonitorThreads>([&server] { return server.connect(); }, rank, world, progress, limits,
                                                  [this](const std::string& text) { hear(text); })) {}

  MonitorThreads& monitor() { return *monitor_; }
  void part() { monitor_.reset(); }
  // What ended this rank, for which it waits; "" after a time that is far too long.
  std::string verdict() {
    std::unique_lock lock(mutex_);
    heard_.wait_for(lock, 120s, [this] { return !verdict_.empty(); });
    return verdict_;
  }
  bool untouched() {
    const std::lock_guard lock(mutex_);
    return verdict_.empty();
  }

  Progress progress;

 private:
  void hear(const std::string& text) {
    const std::lock_guard lock(mutex_);
    verdict_ = text;
    heard_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable heard_;
  std::string verdict_;
  std::unique_ptr<MonitorThreads> monitor_;
};

// The first `here` of a world of ranks.
std::vector<std::unique_ptr<Rank>> ranks_of(const test::StoreServer& server, int here, int world,
                                            const Limits& limits = kQuick) {
  std::vector<std::unique_ptr<Rank>> ranks;
  for (int i = 0; i < here; ++i) ranks.push_back(std::make_unique<Rank>(server, i, world, limits));
  return ranks;
}

// The one sign that rank 2 ever gives, on a machine elsewhere.
void put_sign(const test::StoreServer& server, const Progress::Seen& at) {
  Sign sign;
  sign.beat = 1;
  sign.at = at;
  sign.who = {2, 4321, "elsewhere", "another boot"};
  server.connect()->set("sign/2", text_of(sign));
}

void part_all(std::vector<std::unique_ptr<Rank>>& ranks) {
  std::vector<std::thread> threads;
  for (const auto& rank : ranks) threads.emplace_back([&rank] { rank->part(); });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

TEST_CASE("of two ranks that fail at once one is named, and by all") {
  const test::StoreServer server;
  auto ranks = ranks_of(server, 4, 4);
  std::thread first([&] { ranks[1]->monitor().tell_failure(Exit::data, "no such folder"); });
  std::thread second([&] { ranks[2]->monitor().tell_failure(Exit::storage, "disk full"); });
  first.join();
  second.join();
  const std::string verdict = ranks[0]->verdict();
  INFO(verdict);
  CHECK((verdict.find("failed: no such folder (exit code 4)") != verdict.npos) +
            (verdict.find("failed: disk full (exit code 5)") != verdict.npos) ==
        1);
  CHECK(ranks[3]->verdict() == verdict);
  part_all(ranks);
  CHECK(ranks[1]->untouched());  // these end with codes of their own
  CHECK(ranks[2]->untouched());
}

TEST_CASE("who is to blame is the rank that told its failure, in its words") {
  const test::StoreServer server;
  auto ranks = ranks_of(server, 3, 3, {1s, 600s, 0ms});
  std::vector<Error> errors(3, Error(Exit::ok, ""));
  std::vector<std::thread> threads;
  for (const int rank : {0, 1})
    threads.emplace_back([&, rank] {
      errors[static_cast<size_t>(rank)] = ranks[static_cast<size_t>(rank)]->monitor().blame("connection reset");
    });
  ranks[2]->monitor().tell_failure(Exit::failed, "boom");
  for (std::thread& thread : threads) thread.join();
  for (const int rank : {0, 1}) {
    const Error& error = errors[static_cast<size_t>(rank)];
    INFO(error.what());
    CHECK(error.exit() == Exit::peer);
    CHECK(std::string(error.what()).find("failed: boom (exit code 1)") != std::string::npos);
  }
  part_all(ranks);
}

TEST_CASE("where nobody is to blame the error is what failed here, and the others go on") {
  const test::StoreServer server;
  auto ranks = ranks_of(server, 2, 2, {1s, 600s, 0ms});
  const Error error = ranks[1]->monitor().blame("tensors of two sizes");
  INFO(error.what());
  CHECK(error.exit() == Exit::peer);
  CHECK(std::string(error.what()).find("tensors of two sizes") != std::string::npos);
  part_all(ranks);
  CHECK(ranks[0]->untouched());
}

TEST_CASE("a rank that stops giving signs is found by its silence where its process cannot be watched") {
  const test::StoreServer server;
  put_sign(server, {3, Phase::data, 0});
  auto ranks = ranks_of(server, 2, 3, {20ms, 1500ms, 0ms});
  const std::string verdict = ranks[0]->verdict();
  INFO(verdict);
  CHECK(verdict.find("rank 2 on elsewhere (process 4321) gives no sign of life") != verdict.npos);
  CHECK(ranks[1]->verdict() == verdict);
  part_all(ranks);
}

TEST_CASE("blame finds a silent rank long before the limit of silence") {
  const test::StoreServer server;
  put_sign(server, {3, Phase::backward, 6});
  auto ranks = ranks_of(server, 2, 3, {1s, 600s, 0ms});
  const Error error = ranks[1]->monitor().blame("connection reset");
  INFO(error.what());
  CHECK(std::string(error.what()).find("rank 2 on elsewhere (process 4321)") != std::string::npos);
  CHECK(std::string(error.what()).find("iteration 7 (the backward pass)") != std::string::npos);
  CHECK(ranks[0]->verdict() == error.what());
  part_all(ranks);
}

TEST_CASE("a common error leaves the others the time to come to it themselves") {
  const test::StoreServer server;
  auto ranks = ranks_of(server, 3, 3, {1s, 600s, 0ms});
  ranks[1]->monitor().tell_failure(Exit::diverged, "loss is NaN at iteration 3");
  ranks[0]->monitor().tell_failure(Exit::diverged, "loss is NaN at iteration 3");
  const std::string verdict = ranks[2]->verdict();  // this one does not
  CHECK(verdict.find("loss is NaN at iteration 3 (exit code 7)") != verdict.npos);
  part_all(ranks);
  CHECK(ranks[0]->untouched());
  CHECK(ranks[1]->untouched());
}

TEST_CASE("rank 0 that never begins is silent") {
  const test::StoreServer server;
  Rank lone(server, 1, 2, {20ms, 300ms, 0ms});
  const std::string verdict = lone.verdict();
  INFO(verdict);
  CHECK(verdict.find("rank 0 gives no sign of life") != verdict.npos);
  lone.part();
}
