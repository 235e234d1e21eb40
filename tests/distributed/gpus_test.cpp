// Which GPU each rank takes, from what each sees.
#include "distributed/gpus.h"

#include <catch2/catch.hpp>

#include <mutex>
#include <random>
#include <set>

#include "base/errors.h"
#include "ranks.h"

namespace selfsup::distributed {
namespace {

using Seen = std::vector<std::vector<std::string>>;
using Catch::Contains;

// The GPUs that the ranks take, "b" for one that is called so; "-": some rank gets none.
std::string taken(const Seen& seen) {
  std::string text;
  try {
    const std::vector<size_t> places = assign_gpus(seen);
    for (size_t rank = 0; rank < places.size(); ++rank) text += seen[rank].at(places[rank]);
  } catch (const Error& error) {
    CHECK(error.exit() == Exit::usage);
    return "-";
  }
  return text;
}

std::string refusal(const Seen& seen) {
  try {
    assign_gpus(seen);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

// Whether every rank could have one, by trying all ways to give them out.
bool possible(const Seen& seen, size_t rank, std::set<std::string>& given) {
  if (rank == seen.size()) return true;
  for (const std::string& gpu : seen[rank]) {
    if (!given.insert(gpu).second) continue;
    const bool rest = possible(seen, rank + 1, given);
    given.erase(gpu);
    if (rest) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("ranks that see the same GPUs take them in order") {
  CHECK(taken({{"a"}}) == "a");
  CHECK(taken({{"a", "b"}}) == "a");
  CHECK(taken({{"a", "b"}, {"a", "b"}}) == "ab");
  CHECK(taken({{"a", "b", "c", "d"}, {"a", "b", "c", "d"}}) == "ab");
  // Machine after machine, and one of several ranks on each.
  CHECK(taken({{"a", "b"}, {"a", "b"}, {"c", "d"}, {"c", "d"}}) == "abcd");
  CHECK(taken({{"a", "b"}, {"c", "d"}, {"e", "f"}}) == "ace");
  CHECK(taken({{"a", "b"}, {"c", "d"}, {"a", "b"}, {"c", "d"}}) == "acbd");
}

TEST_CASE("ranks that were granted GPUs of their own take the first of them") {
  CHECK(taken({{"a"}, {"b"}}) == "ab");
  CHECK(taken({{"a"}, {"b"}, {"c"}, {"d"}}) == "abcd");
  CHECK(taken({{"a", "b"}, {"c", "d"}}) == "ac");
  // Two launchers on one machine, which have parted its GPUs.
  CHECK(taken({{"a", "b"}, {"a", "b"}, {"c", "d"}, {"c", "d"}}) == "abcd");
  // Each sees all of them, its own first.
  CHECK(taken({{"a", "b", "c"}, {"b", "c", "a"}, {"c", "a", "b"}}) == "abc");
}

TEST_CASE("ranks that see some of the same GPUs make room for one another") {
  CHECK(taken({{"a", "b"}, {"a"}}) == "ba");
  CHECK(taken({{"a"}, {"a", "b"}}) == "ab");
  CHECK(taken({{"a", "b", "c", "d"}, {"a"}}) == "ba");
  CHECK(taken({{"a", "b"}, {"b", "c"}, {"a"}, {"c", "d"}}) == "bcad");
  CHECK(taken({{"a", "b"}, {"a", "b"}, {"a", "b", "c"}}) == "abc");
}

TEST_CASE("a rank without a GPU of its own is refused, with what the ranks see and what to do") {
  CHECK(taken({{"a"}, {"a"}}) == "-");
  CHECK(taken({{"a", "b"}, {"a", "b"}, {"a", "b"}}) == "-");
  CHECK(taken({{"a", "b"}, {"b"}, {"a"}}) == "-");
  CHECK(taken({{"a"}, {}}) == "-");

  CHECK_THAT(refusal({{"a"}, {"a"}}),
             Contains("2 ranks on 1 GPU, and each rank needs one of its own: ranks 0, 1 see a. ") &&
                 Contains("Start no more ranks on a machine than it has GPUs") && Contains("--gpus-per-task") &&
                 Contains("--device cpu") && Contains("SELFSUP_SHARE_GPU=1") && !Contains("\n"));
  // Those that come after the first one that gets none count too; those on other machines do not.
  CHECK_THAT(refusal(Seen(4, {"a", "b"})), Contains("4 ranks on 2 GPUs, ") && Contains("ranks 0-3 see a, b. "));
  CHECK_THAT(refusal({{"c"}, {"a", "b"}, {"b"}, {"a"}, {"b", "c", "d"}}),
             Contains("3 ranks on 2 GPUs, ") && Contains("rank 1 sees a, b; rank 2 sees b; rank 3 sees a. "));
  CHECK_THAT(refusal({{"a"}, {}}), Contains("1 rank on 0 GPUs, ") && Contains(": rank 1 sees none. "));
  CHECK(refusal(Seen(4096, {"a"})).size() < 1000);
}

TEST_CASE("every rank has a GPU of its own wherever that is possible") {
  std::mt19937 random(5);
  int refused = 0;
  for (int round = 0; round < 2000; ++round) {
    Seen seen(1 + random() % 5);
    for (auto& own : seen)
      for (const char* gpu : {"a", "b", "c", "d", "e"})
        if (random() % 3 == 0) own.emplace_back(gpu);
    const std::string text = taken(seen);
    std::set<std::string> none;
    const bool given = std::set<char>(text.begin(), text.end()).size() == seen.size() && text != "-";
    CHECK(given == possible(seen, 0, none));
    refused += text == "-";
  }
  CHECK(refused > 100);
  CHECK(refused < 1900);
}

TEST_CASE("as many ranks as a large machine, and a cluster, have") {
  Seen seen;
  for (int machine = 0; machine < 512; ++machine) {
    std::vector<std::string> gpus;
    for (int i = 0; i < 8; ++i) gpus.push_back(std::to_string(machine) + "/" + std::to_string(i));
    seen.insert(seen.end(), 8, gpus);
  }
  const std::vector<size_t> places = assign_gpus(seen);
  for (size_t rank = 0; rank < places.size(); ++rank) REQUIRE(places[rank] == rank % 8);
}

TEST_CASE("each rank is told its own, from what all have said") {
  test::ThreadRanks ranks(3);
  std::vector<size_t> places(3, 9);
  const Seen seen = {{"a", "b"}, {"a", "b"}, {"c"}};
  ranks.run([&](const Group& group) {
    const auto rank = static_cast<size_t>(group.rank());
    places[rank] = own_gpu(group, seen[rank]);
  });
  CHECK(places == std::vector<size_t>{0, 1, 0});

  std::mutex mutex;
  std::set<std::string> texts;
  CHECK_THROWS_AS(test::ThreadRanks(3).run([&](const Group& group) {
    try {
      own_gpu(group, group.rank() < 2 ? std::vector<std::string>{"a"} : std::vector<std::string>{});
    } catch (const Error& error) {
      const std::lock_guard lock(mutex);
      texts.insert(error.what());
      throw;
    }
  }),
                  Error);
  CHECK(texts.size() == 1);
}

}  // namespace selfsup::distributed
