#include "config/options.h"

#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/errors.h"

using namespace selfsup;
using namespace selfsup::config;

namespace {

Json tree() {
  return parse_json(
      R"({"a": {"b": 1}, "list": [{"size": 8}, {"size": 9}], "opt": {"type": "AdamW", "betas": [0.9, 0.95], "lr": 1.0},
                        "n": null, "s": 3})",
      "c.json", "file");
}

Json with(const std::vector<std::string>& options) {
  Json t = tree();
  apply_options(t, options, false);
  return t;
}

std::string refusal(const std::string& option) {
  try {
    with({option});
  } catch (const Error& e) {
    CHECK(e.exit() == Exit::usage);
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("values of --cfg-options") {
  // As JSON text; the list follows MMEngine's DictAction, but for what docs/cfg-options.md names.
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"1", "1"},
      {"-1", "-1"},
      {"+3", "3"},
      {"+-3", "\"+-3\""},
      {"1_000", "1000"},
      {"1__0", "\"1__0\""},
      {"_1", "\"_1\""},
      {"1.", "1.0"},
      {".5", "0.5"},
      {"1e-4", "1e-04"},
      {"True", "true"},
      {"tRuE", "true"},
      {"FALSE", "false"},
      {"None", "null"},
      {"none", "\"none\""},
      {"null", "\"null\""},
      {"a=b", "\"a=b\""},
      {"a b", "\"a b\""},
      {"0x10", "\"0x10\""},
      {"yes", "\"yes\""},
      {"", "\"\""},
      {"inf", "\"inf\""},
      {"-inf", "\"-inf\""},
      {"nan", "\"nan\""},
      {"1e400", "\"1e400\""},
      {"[]", "[]"},
      {"()", "[]"},
      {"1,", "[1]"},
      {"(1)", "[1]"},
      {"(1,)", "[1]"},
      {"1,2", "[1, 2]"},
      {"x,y", "[\"x\", \"y\"]"},
      {"[1, 2.5, a]", "[1, 2.5, \"a\"]"},
      {"[(a,b),(c,d)]", "[[\"a\", \"b\"], [\"c\", \"d\"]]"},
      {"(1,2),(3,4)", "[[1, 2], [3, 4]]"},
      {"[1,2],[3,4]", "[[1, 2], [3, 4]]"},
      {"'1'", "\"1\""},
      {"\"1\"", "\"1\""},
      {"'a,b'", "\"a,b\""},
      {"\"a\\\"b,c\"", "\"a\\\"b,c\""},
      {"['a b', \"c,d\"]", "[\"a b\", \"c,d\"]"},
      {"it's", "\"it's\""},
      {"it's,so", "[\"it's\", \"so\"]"},
      {R"({"a": [1, {"b": null}]})", R"({"a": [1, {"b": null}]})"},
      {R"([{"a": 1}, 2])", R"([{"a": 1}, 2])"},
  };
  for (const auto& [text, expected] : cases) {
    INFO(text);
    CHECK(to_text(parse_option_value(text)) == expected);
  }
  for (const char* text : {"[1", "1]", "(1]", "'a", "{a:1}", "{\"a\": 1,}", "\"a\" b \"c\""}) {
    INFO(text);
    CHECK_THROWS_AS(parse_option_value(text), Error);
  }
}

TEST_CASE("keys of --cfg-options") {
  CHECK(to_text(with({"a.b=2"}).get("a")) == R"({"b": 2})");
  CHECK(to_text(with({"a.c.d=x"}).get("a")) == R"({"b": 1, "c": {"d": "x"}})");
  CHECK(to_text(with({"list.1.size=3"}).get("list")) == R"([{"size": 8}, {"size": 3}])");
  CHECK(to_text(with({"n.k=1"}).get("n")) == R"({"k": 1})");
  CHECK(to_text(with({"a={\"c\": 2}"}).get("a")) == R"({"b": 1, "c": 2})");
  CHECK(to_text(with({"a={\"_delete_\": true, \"c\": 2}"}).get("a")) == R"({"c": 2})");
  CHECK(to_text(with({"a.b=2", "a.b=3"}).get("a")) == R"({"b": 3})");  // the later wins
  CHECK(with({"a.b=2"}).at_path("a.b")->source.layer() == "cfg-options");
  CHECK(with({"a.b=[1,2]"}).at_path("a.b.1")->source.name() == "--cfg-options a.b=[1,2]");

  CHECK(refusal("list.2.size=3").find("list.2.size: the list there has 2 elements") != std::string::npos);
  CHECK(refusal("no.list.1.k=3").find("no.list.1.k: there is no list there of which 1 could be") != std::string::npos);
  CHECK(refusal("a.b=[1").starts_with("--cfg-options a.b=[1: ']' is missing"));
  CHECK(refusal("a={b: 1}").starts_with("--cfg-options a={b: 1}:1:2: expected a key"));
  CHECK(refusal("list.x=3").find("list.x") != std::string::npos);
  CHECK(refusal("s.k=3").find("s.k") != std::string::npos);
  CHECK(refusal("a..b=3").find("a..b") != std::string::npos);
  CHECK(refusal("noequals").find("KEY=VALUE") != std::string::npos);
  CHECK(refusal("=3").find("KEY=VALUE") != std::string::npos);
  CHECK(refusal("a.b=\xff").find("UTF-8") != std::string::npos);
}

TEST_CASE("an option as long as the system lets one be costs no more than its values") {
  std::string list = "1";
  for (int i = 1; i < 60000; ++i) list += ",1";
  const Json t = with({"a.long=[" + list + "]"});
  REQUIRE(t.at_path("a.long")->as_array().size() == 60000);
  const Json &first = *t.at_path("a.long.0"), &last = *t.at_path("a.long.59999");
  CHECK(&first.source.name() == &last.source.name());  // one text for all of them
  CHECK(first.source.name().size() < 300);
  CHECK(refusal("a.long=[" + list).size() < 1000);
  CHECK(refusal(std::string(100000, 'k')).size() < 1000);
  CHECK(refusal(std::string(100000, 'k') + "=\xff").size() < 1000);
  CHECK(refusal("s." + std::string(100000, 'k') + "=1").size() < 1000);
}

TEST_CASE("lists in lists and parts of a key have a limit") {
  const auto nested = [](int depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK_NOTHROW(with({"a.b=" + nested(64)}));
  CHECK_THAT(refusal("a.b=" + nested(65)), Catch::Contains("at most 64 lists"));
  CHECK_THAT(refusal("a.b=" + nested(50000)), Catch::Contains("at most 64 lists"));
  const auto key = [](int parts) {
    std::string text = "a";
    for (int i = 1; i < parts; ++i) text += ".k";
    return text + "=1";
  };
  CHECK_NOTHROW(with({key(64)}));
  CHECK_THAT(refusal(key(65)), Catch::Contains("at most 64 parts"));
  CHECK_THAT(refusal(key(50000)), Catch::Contains("at most 64 parts"));
}

TEST_CASE("an option that changes a type drops what lower layers put beside it, in either order") {
  const std::string expected = R"({"type": "SGD", "momentum": 0.9})";
  CHECK(with({"opt.type=SGD", "opt.momentum=0.9"}).get("opt") == parse_json(expected, "e", "e"));
  CHECK(with({"opt.momentum=0.9", "opt.type=SGD"}).get("opt") == parse_json(expected, "e", "e"));
  CHECK(with({"opt.type=AdamW"}).get("opt").has("betas"));
}

TEST_CASE("options wait for lists that a later layer brings") {
  Json t = tree();
  apply_options(t, {"list.5.size=1", "a.b=7"}, true);
  CHECK(t.at_path("a.b")->as_int() == 7);
  CHECK(t.get("list") == tree().get("list"));
}
