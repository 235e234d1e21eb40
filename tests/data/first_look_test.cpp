#include "data/loader/first_look.h"

#include <catch2/catch.hpp>

#include "base/random.h"
#include "data/support/support.h"

namespace selfsup::data {
namespace {

using Catch::Matchers::Contains;

// Of which some cannot be used, and some only look so.
class Looked : public Dataset {
 public:
  Looked(int64_t size, std::function<bool(int64_t)> bad, std::function<bool(int64_t)> foreign)
      : size_(size), bad_(std::move(bad)), foreign_(std::move(foreign)) {}
  using Dataset::load;
  int64_t size() const override { return size_; }
  int channels() const override { return 1; }
  std::string describe(int64_t i) const override { return "image " + std::to_string(i); }
  void load(int64_t, Image&) const override { throw std::logic_error("nothing is decoded"); }
  std::string refusal(int64_t i) const override { return bad_(i) ? "of no use" : ""; }
  bool looks_foreign(int64_t i) const override { return foreign_(i); }

 private:
  int64_t size_;
  std::function<bool(int64_t)> bad_, foreign_;
};

const auto never = [](int64_t) { return false; };

std::vector<int64_t> found(const Dataset& dataset, double fraction, int threads = 4) {
  std::vector<int64_t> indices;
  for (const BadFile& bad : first_look(dataset, fraction, threads)) {
    CHECK(bad.reason == "of no use");
    CHECK(bad.path == "image " + std::to_string(bad.index));
    indices.push_back(bad.index);
  }
  return indices;
}

std::string refusal(const Dataset& dataset, double fraction) {
  try {
    first_look(dataset, fraction, 4);
  } catch (const Error& e) {
    CHECK(e.exit() == Exit::data);
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a first look finds every bad image of a small set") {
  const Looked set(
      600, [](int64_t i) { return i % 200 == 7; }, never);
  for (const int threads : {1, 4}) CHECK(found(set, 0.1, threads) == std::vector<int64_t>{7, 207, 407});
  CHECK(found(set, 0.001).size() == 3);
  CHECK_THAT(refusal(set, 0), Contains("3 of 600 images could not be used") && Contains("image 7: of no use") &&
                                  Contains("validate --scan"));
  CHECK(found(Looked(600, never, never), 0).empty());
}

TEST_CASE("a first look finds the images whose names promise what is not read, in a set of any size") {
  const auto rare = [](int64_t i) { return i == 12345 || i == 54321; };
  CHECK(found(Looked(100000, rare, rare), 0.001) == std::vector<int64_t>{12345, 54321});
  CHECK(found(Looked(100000, never, rare), 0).empty());  // they are what they do not look like
  const auto many = [](int64_t i) { return i % 100 == 1; };
  CHECK_THAT(refusal(Looked(100000, many, many), 0.001), Contains("max_bad_fraction 0.001 allows 100"));
  CHECK(found(Looked(100000, many, many), 0.02).size() == 1000);
}

TEST_CASE("a sample of a large set speaks for the rest where chance does not explain it") {
  const auto one_of = [](uint64_t n) { return [n](int64_t i) { return KeyedRandom(hash_key(1, i)).below(n) == 0; }; };
  CHECK_THAT(refusal(Looked(1000000, one_of(20), never), 0.001),
             Contains("of 1000 images that were looked at, spread over the 1000000") && Contains("allows 1000"));
  CHECK(found(Looked(1000000, one_of(1000), never), 0.001).size() < 10);  // as many as are allowed
  CHECK(found(Looked(1000000, one_of(4), never), 0.25).size() > 150);
  CHECK(refusal(Looked(1000000, one_of(2), never), 1).empty());
}

TEST_CASE("a set of which nothing can be used is refused, whatever is allowed") {
  for (const int64_t size : {1, 2, 5, 1000000})
    CHECK_THAT(refusal(Looked(
                           size, [](int64_t) { return true; }, never),
                       1),
               Contains("cannot be used"));
}

}  // namespace selfsup::data
