// Who is blamed for what, from signs whose times the test makes up.
#include <catch2/catch.hpp>
#include <chrono>
#include <initializer_list>
#include <string>

#include "distributed/monitor_judge.h"

using namespace selfsup;
using namespace selfsup::distributed;
using namespace std::chrono_literals;

namespace {

// Ranks whose signs the test writes.
class Ranks {
 public:
  Ranks(int world, const Limits& limits) : judge(world, limits, 0ms), beats_(static_cast<size_t>(world), 0) {}

  // A new sign, after a phase was entered `count` times.
  void sign(int rank, Judge::Time now, uint64_t count, Phase phase, int64_t iter,
            Standing standing = Standing::running) {
    Sign one;
    one.beat = ++beats_[static_cast<size_t>(rank)];
    one.at = {count, phase, iter};
    one.standing = standing;
    one.who = {rank, 100 + rank, "node", ""};
    judge.see(rank, one, now);
  }
  void all(Judge::Time now, uint64_t count, Phase phase, int64_t iter) {
    for (size_t i = 0; i < beats_.size(); ++i) sign(static_cast<int>(i), now, count, phase, iter);
  }

  Judge judge;

 private:
  std::vector<uint64_t> beats_;
};

const Limits kLimits{};  // those of a run
const Limits kStill{500ms, 10s, 5s};

bool holds(const std::string& text, std::initializer_list<const char*> parts) {
  for (const char* part : parts)
    if (text.find(part) == text.npos) return false;
  return true;
}

}  // namespace

TEST_CASE("a rank is silent after the limit and not before, and its sign alone counts") {
  Ranks ranks(3, kLimits);
  ranks.all(1s, 1, Phase::backward, 41);
  ranks.sign(0, 11s, 2, Phase::backward, 41);
  ranks.sign(1, 11s, 2, Phase::backward, 41);
  CHECK_FALSE(ranks.judge.gone(11s, kLimits.silent));
  const auto verdict = ranks.judge.gone(11s + 1ms, kLimits.silent);
  REQUIRE(verdict);
  CHECK(verdict->fault == Fault::silent);
  CHECK(verdict->rank == 2);
  INFO(verdict->text);
  CHECK(holds(verdict->text, {"rank 2 on node (process 102)", "10.0 s", "iteration 42", "the backward pass"}));
  ranks.sign(2, 11s + 1ms, 1, Phase::backward, 41);  // alive, and nothing done
  CHECK_FALSE(ranks.judge.gone(12s, kLimits.silent));
}

TEST_CASE("a sign that is read again is no sign of life") {
  Ranks ranks(1, kLimits);
  Sign sign;
  sign.beat = 7;
  ranks.judge.see(0, sign, 1s);
  ranks.judge.see(0, sign, 9s);
  CHECK(ranks.judge.gone(11s + 1ms, kLimits.silent));
}

TEST_CASE("a rank that never gave a sign is silent from the start") {
  Ranks ranks(2, kLimits);
  ranks.sign(0, 10s, 1, Phase::setup, 0);
  CHECK_FALSE(ranks.judge.gone(10s, kLimits.silent));
  const auto verdict = ranks.judge.gone(10s + 1ms, kLimits.silent);
  REQUIRE(verdict);
  CHECK(verdict->rank == 1);
}

TEST_CASE("ranks that a machine takes with it are named together, under suspicion only the longest silent is") {
  Ranks ranks(4, kLimits);
  ranks.all(1s, 1, Phase::forward, 0);
  ranks.sign(2, 1500ms, 2, Phase::forward, 0);
  ranks.sign(0, 12s, 2, Phase::forward, 0);
  const auto silent = ranks.judge.gone(12s, kLimits.silent);
  REQUIRE(silent);
  INFO(silent->text);
  CHECK(silent->rank == 1);
  CHECK(holds(silent->text, {"rank 1 on node", "and ranks 3, 2 give"}));
  ranks.sign(3, 2s, 2, Phase::forward, 0);
  const auto suspected = ranks.judge.gone(4s, 1s);
  REQUIRE(suspected);
  CHECK(suspected->rank == 1);
  CHECK_FALSE(holds(suspected->text, {"and rank"}));
}

TEST_CASE("a process that ends without a word is to blame at once, one that has parted or failed is not") {
  for (const Standing standing : {Standing::parted, Standing::failing, Standing::knows}) {
    Ranks ranks(2, kLimits);
    ranks.all(0ms, 1, Phase::forward, 3);
    ranks.sign(1, 1ms, 2, Phase::end, 3, standing);
    ranks.judge.ended(1);
    ranks.sign(0, 60s, 2, Phase::end, 3);
    CHECK_FALSE(ranks.judge.gone(60s, kLimits.silent));
    CHECK(ranks.judge.needs_nobody(1));
  }
  Ranks ranks(2, kLimits);
  ranks.all(0ms, 1, Phase::forward, 3);
  ranks.judge.ended(1);
  const auto verdict = ranks.judge.gone(1ms, kLimits.silent);
  REQUIRE(verdict);
  CHECK(verdict->fault == Fault::ended);
  CHECK(verdict->rank == 1);
}

TEST_CASE("the rank that is behind stands still, not those that wait for it") {
  Ranks ranks(3, kStill);
  ranks.all(0ms, 1, Phase::forward, 4);
  ranks.sign(0, 1s, 2, Phase::backward, 4);
  ranks.sign(2, 1s, 2, Phase::backward, 4);
  CHECK_FALSE(ranks.judge.still(5s));
  const auto verdict = ranks.judge.still(5s + 1ms);
  REQUIRE(verdict);
  INFO(verdict->text);
  CHECK(verdict->fault == Fault::still);
  CHECK(verdict->rank == 1);
  CHECK(holds(verdict->text, {"rank 1 on node (process 101) stands still", "iteration 5", "the forward pass"}));
}

TEST_CASE("what follows an iteration comes before the next one's batch") {
  Ranks ranks(2, kStill);
  ranks.all(0ms, 1, Phase::update, 4);
  ranks.sign(0, 100ms, 2, Phase::save, 5);  // saves alone, and hangs there
  ranks.sign(1, 100ms, 2, Phase::backward, 5);
  const auto verdict = ranks.judge.still(6s);
  REQUIRE(verdict);
  INFO(verdict->text);
  CHECK(verdict->rank == 0);
  CHECK(holds(verdict->text, {"after iteration 5 (saving)"}));
}

TEST_CASE("a hang in an event of the algorithm is told as one, and is judged where it is of a step") {
  const auto told = [](Phase phase, int64_t iter, Phase others, int64_t of_others) {
    Ranks ranks(2, kLimits);
    ranks.all(0ms, 1, Phase::forward, 3);
    ranks.all(1s, 2, Phase::forward, 4);
    ranks.sign(0, 2s, 3, others, of_others);
    ranks.sign(1, 2s, 3, phase, iter);
    const auto verdict = ranks.judge.still(2s + 60s + 1ms);
    return verdict ? verdict->text : "";
  };
  using Catch::Contains;
  CHECK_THAT(told(Phase::gradients, 4, Phase::update, 4),
             Contains("rank 1") && Contains("at iteration 5 (the algorithm's event GRADIENTS)"));
  CHECK_THAT(told(Phase::updated, 5, Phase::backward, 5),
             Contains("rank 1") && Contains("after iteration 5 (the algorithm's event UPDATED)"));
  CHECK(told(Phase::epoch_begin, 5, Phase::backward, 5).empty());  // long work is allowed
}

TEST_CASE("a rank that has got far ahead and waits is not to blame while the others move") {
  Ranks ranks(2, kStill);
  ranks.all(0ms, 1, Phase::data, 4);
  for (int i = 1; i <= 100; ++i) {
    ranks.sign(0, i * 100ms, 1 + static_cast<uint64_t>(i), Phase::data, 4);
    ranks.sign(1, i * 100ms, 2, Phase::update, 4);
  }
  CHECK_FALSE(ranks.judge.still(10s));
}

TEST_CASE("all that stand at one place are named with it") {
  Ranks ranks(2, kStill);
  ranks.all(0ms, 1, Phase::backward, 9);
  ranks.sign(1, 2s, 2, Phase::backward, 9);
  CHECK_FALSE(ranks.judge.still(6s));  // one has moved since
  const auto verdict = ranks.judge.still(7s + 1ms);
  REQUIRE(verdict);
  INFO(verdict->text);
  CHECK(holds(verdict->text, {"all 2 ranks stand still", "the backward pass"}));
}

TEST_CASE("without a limit of the user's, setting up, saving and evaluating may take long, and so may a first step") {
  Ranks ranks(2, kLimits);
  for (const Phase phase : {Phase::setup, Phase::ready, Phase::epoch_end, Phase::save, Phase::over, Phase::evaluate,
                            Phase::epoch_begin, Phase::end}) {
    ranks.all(0ms, 10 + static_cast<uint64_t>(phase), phase, 3);
    CHECK_FALSE(ranks.judge.still(24h));
  }
  // One saves for an hour, and the other waits for it.
  ranks.sign(0, 24h, 30, Phase::save, 4);
  ranks.sign(1, 24h, 30, Phase::backward, 4);
  CHECK_FALSE(ranks.judge.still(25h));

  Ranks fresh(2, kLimits);
  fresh.all(0ms, 1, Phase::setup, 0);
  fresh.all(1s, 2, Phase::forward, 200);  // resumed
  CHECK_FALSE(fresh.judge.still(1s + 10min));
  CHECK(fresh.judge.still(1s + 10min + 1ms));
}

TEST_CASE("a later step has a minute, or ten times the longest that was waited for") {
  Ranks ranks(2, kLimits);
  Judge::Time now = 0ms;
  uint64_t count = 0;
  ranks.all(now, ++count, Phase::forward, 0);
  ranks.all(now += 1s, ++count, Phase::forward, 1);
  CHECK_FALSE(ranks.judge.still(now + 60s));
  CHECK(ranks.judge.still(now + 60s + 1ms));
  ranks.all(now += 20s, ++count, Phase::forward, 2);  // that was a long one
  CHECK_FALSE(ranks.judge.still(now + 200s));
  CHECK(ranks.judge.still(now + 200s + 1ms));

  // The time that a rank waits for another one's save is no measure.
  Ranks others(2, kLimits);
  others.all(0ms, 1, Phase::forward, 0);
  others.sign(0, 1s, 2, Phase::save, 1);
  others.sign(1, 1s, 2, Phase::backward, 1);
  CHECK_FALSE(others.judge.still(100s));
  others.all(101s, 3, Phase::forward, 1);
  CHECK_FALSE(others.judge.still(161s));
  others.all(162s, 4, Phase::forward, 2);
  CHECK(others.judge.still(162s + 10 * 61s + 1ms));
}

TEST_CASE("time in which nobody watched counts for two beats at most") {
  WatchedTime time(1s);
  const auto start = WatchedTime::Clock::now();
  const auto first = time.look(start);
  CHECK(time.look(start + 400ms) - first == 400ms);
  CHECK(time.look(start + 3600s) - first == 1400ms);
  CHECK(time.look(start + 3500s) - first == 1400ms);  // never back
}

TEST_CASE("records are read as they were written, and what is none is refused") {
  Sign sign;
  sign.beat = 3;
  sign.at = {17, Phase::evaluate, 1234567890123};
  sign.standing = Standing::suspects;
  sign.who = this_process(5);
  const auto read = sign_of(text_of(sign));
  REQUIRE(read);
  CHECK(text_of(*read) == text_of(sign));
  CHECK(read->who.machine == sign.who.machine);
  Identity nameless;
  sign.who = nameless;
  REQUIRE(sign_of(text_of(sign)));
  CHECK(sign_of(text_of(sign))->who.host.empty());
  for (const char* text : {"-", "", "1 2 3", "1 1 99 1 1 1 1 h m", "1 1 1 1 99 1 1 h m", "a b c d e f g h i"})
    CHECK_FALSE(sign_of(text));

  const Verdict verdict{Fault::failed, 2, Exit::data, "first line\nsecond line"};
  const auto again = verdict_of(text_of(verdict));
  REQUIRE(again);
  CHECK(again->text == verdict.text);
  CHECK(again->exit == Exit::data);
  CHECK(again->rank == 2);
  for (const char* text : {"-", "", "9 1 1\nx", "no verdict\nx"}) CHECK_FALSE(verdict_of(text));
}
