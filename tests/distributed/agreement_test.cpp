// Ranks that start from different facts: 1 thing changed in each of 8.
#include "distributed/agreement.h"

#include <catch2/catch.hpp>
#include <mutex>

#include "base/errors.h"
#include "distributed/single_process.h"
#include "rank_world.h"
#include "ranks.h"

namespace selfsup::distributed {
namespace {

using Catch::Contains;

Facts usual() {
  return {{"program", "0.2.0"},
          {"LibTorch", "2.11.0+cu130"},
          {"configuration", "{\n  \"epochs\": 3,\n  \"seed\": 0\n}"},
          {"plugin mae", "sha256 1111"},
          {"plugin backbones", "sha256 2222"},
          {"data set", "60000 images"},
          {"fingerprint of the data set", "aaaa"},
          {"seed", "0"}};
}

// What the ranks are told, the same text on each; empty: they agree.
std::string told(int world, const std::function<Facts(int rank)>& facts) {
  std::vector<std::string> texts(static_cast<size_t>(world));
  test::ThreadRanks(world).run([&](const Group& group) {
    try {
      agree(group, facts(group.rank()));
    } catch (const Error& e) {
      texts[static_cast<size_t>(group.rank())] = e.exit() == Exit::disagree ? e.what() : "another exit";
    }
  });
  for (const std::string& text : texts) CHECK(text == texts[0]);
  return texts[0];
}

// On what the argument says of rank 2, and of the others.
const test::RankBody agrees("agrees", [](const test::RankPlace& place) {
  const test::RankWorld world(place);
  agree(world.group(), {{"plugin", place.rank == 2 ? place.argument : "one"}});
});

}  // namespace

TEST_CASE("ranks that start from the same go on") {
  CHECK(told(3, [](int) { return usual(); }).empty());
  CHECK(told(2, [](int) { return Facts(); }).empty());
  CHECK_NOTHROW(agree(SingleProcess(), usual()));
}

TEST_CASE("one thing that differs is named, with who has what") {
  const size_t changed = GENERATE(range(0, 8));
  const int odd = GENERATE(0, 1, 3);
  const std::string name = usual()[changed].first;
  CAPTURE(name, odd);
  const std::string text = told(4, [&](int rank) {
    Facts facts = usual();
    if (rank == odd) facts[changed].second = "something else";
    return facts;
  });
  CHECK_THAT(text, Contains("\n  " + name + ": ranks "));
  CHECK_THAT(text, Contains("another run another port"));  // two that met at one place are taken for one
  CHECK_THAT(text, Contains("; rank " + std::to_string(odd) + " has "));
  for (const auto& [other, value] : usual()) {
    CAPTURE(other);
    if (other != name) CHECK_THAT(text, !Contains("  " + other + ":"));
  }
}

TEST_CASE("in a tie rank 0 is the measure, a fact that some lack is a difference") {
  const auto two = [](const std::string& first, const std::string& second) {
    return told(2, [&](int rank) { return Facts{{"seed", rank == 0 ? first : second}}; });
  };
  CHECK_THAT(two("0", "1"), Contains("seed: rank 0 has 0; rank 1 has 1\n"));
  const std::string lacks = told(3, [](int rank) {
    return rank == 1 ? Facts{{"a", "x"}} : Facts{{"a", "x"}, {"b", "y"}};
  });
  CHECK_THAT(lacks, Contains("  b: ranks 0, 2 have y; rank 1 has nothing of that name\n"));
  CHECK_THAT(lacks, !Contains("  a:"));
  CHECK_THAT(told(2,
                  [](int rank) {
                    return rank ? Facts{{"a", "x"}, {"b", "y"}} : Facts{{"b", "y"}, {"a", "x"}};
                  }),
             Contains("order"));
}

TEST_CASE("of a long text the first line that differs is shown, of a long line the place") {
  const std::string same = "\"a\": 1,\n\"b\": 2,\n";
  const std::string lines = told(2, [&](int rank) {
    return Facts{{"configuration", same + (rank ? "\"lr\": 0.2\n" : "\"lr\": 0.1\n") + std::string(5000, 'x')}};
  });
  CHECK_THAT(lines, Contains("rank 0 has in line 3: \"lr\": 0.1; rank 1 has in line 3: \"lr\": 0.2\n"));
  CHECK(lines.size() < 600);
  const std::string line = told(2, [](int rank) {
    return Facts{{"digests", std::string(3000, '7') + (rank ? "ONE" : "NIL") + std::string(3000, '7')}};
  });
  CHECK_THAT(line, Contains("7777NIL7777") && Contains("7777ONE7777"));
  CHECK(line.size() < 1000);
  CHECK_THAT(told(2, [](int rank) { return Facts{{"names", rank ? "a\nb" : "a"}}; }), Contains("an end after line 1"));
}

TEST_CASE("processes that disagree all end with the same text and the code for it") {
  for (const test::RankEnd& end : test::run_ranks(agrees, 3, {}, "other")) {
    CAPTURE(end.text);
    CHECK(end.exit == 77);
    CHECK_THAT(end.text, Contains("  plugin: ranks 0, 1 have one; rank 2 has other\n"));
  }
}

}  // namespace selfsup::distributed
