#include "exchange/match.h"

#include <catch2/catch.hpp>

namespace selfsup::exchange {
namespace {

const std::vector<std::string> own = {"mask", "backbone.a.weight", "backbone.b.weight", "backbone.c.weight",
                                      "neck.a.weight"};
const std::vector<Format> formats = {
    {"safetensors", {{"mask", "mask"}, {own[1], own[1]}, {own[2], own[2]}, {own[3], own[3]}, {own[4], own[4]}}},
    {"timm", {{own[1], "blocks.a.weight"}, {own[2], "blocks.b.weight"}, {own[3], "norm.weight"}}}};

Match match(const std::vector<std::string>& file) { return match_names(own, formats, file); }

}  // namespace

TEST_CASE("a file is read by the format whose names it has") {
  const Match same = match(own);
  CHECK(same.format == "safetensors");
  CHECK(same.prefix.empty());
  CHECK(same.found.size() == 5);
  CHECK((same.missing.empty() && same.unexpected.empty() && same.untouched.empty()));

  const Match timm = match({"norm.weight", "blocks.a.weight", "blocks.b.weight", "head.weight"});
  CHECK(timm.format == "timm");
  CHECK(timm.found == std::vector<std::pair<std::string, size_t>>{{own[3], 0}, {own[1], 1}, {own[2], 2}});
  CHECK(timm.unexpected == std::vector<size_t>{3});
  CHECK(timm.missing.empty());
  CHECK(timm.untouched == std::vector<std::pair<std::string, size_t>>{{"", 1}, {"neck", 1}});
}

TEST_CASE("whatever stands before the names is taken off, of two the first") {
  const Match moco = match({"module.q.blocks.a.weight", "module.q.blocks.b.weight", "module.k.blocks.a.weight",
                            "module.k.blocks.b.weight", "module.q.fc.bias"});
  CHECK(moco.prefix == "module.q.");
  CHECK(moco.found.size() == 2);
  CHECK(moco.missing == std::vector<std::string>{own[3]});
  CHECK(moco.unexpected == std::vector<size_t>{2, 3, 4});
  CHECK(match({"module.mask", "module.backbone.a.weight"}).prefix == "module.");
}

TEST_CASE("one component may come alone, without its name") {
  const Match alone = match({"a.weight", "b.weight", "c.weight"});
  CHECK(alone.format == "safetensors");
  CHECK(alone.found.size() == 3);
  CHECK(alone.found[0].first == own[1]);
  CHECK(alone.untouched.size() == 2);
}

TEST_CASE("long names of many parts cost no more than their length") {
  const std::string dots(2'000'000, '.');
  CHECK(match({dots, dots + "blocks.a.weight"}).prefix == dots);  // squared, this would end no more
}

TEST_CASE("a file of something else matches nothing") {
  const Match none = match({"x.weight", "y"});
  CHECK(none.found.empty());
  CHECK(none.format.empty());
  CHECK(none.unexpected.size() == 2);
  CHECK(match({}).found.empty());
}

}  // namespace selfsup::exchange
