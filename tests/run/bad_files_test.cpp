#include "run/bad_files.h"

#include <catch2/catch.hpp>

#include "base/errors.h"

namespace selfsup::run {

TEST_CASE("the list of bad images comes back as it was") {
  const std::vector<data::BadFile> files = {{7, "a b.jpg", "not an image"}, {123456789012, "c\\td.png", ""}};
  const auto back = parse_bad_files(bad_files_text(files), "test");
  REQUIRE(back.size() == 2);
  for (size_t i = 0; i < 2; ++i) {
    CHECK(back[i].index == files[i].index);
    CHECK(back[i].path == files[i].path);
    CHECK(back[i].reason == files[i].reason);
  }
  CHECK(parse_bad_files("", "test").empty());
  for (const char* broken : {"7", "7\n", "7\ta\n", "7\ta\n8\tb\tc\n", "x\ta\tb\n", "\ta\tb\n", "7\ta\tb"})
    CHECK_THROWS_AS(parse_bad_files(broken, "test"), Error);
}

}  // namespace selfsup::run
