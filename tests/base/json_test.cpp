#include "base/json.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "base/random.h"
#include "base/text.h"

using namespace selfsup;

namespace {

std::string refusal(std::string_view text, const JsonLimits& limits = {}) {
  try {
    parse_json(text, "f.json", "file", limits);
  } catch (const Error& e) {
    CHECK(e.exit() == Exit::usage);
    return e.what();
  }
  return "";
}

Json parse(std::string_view text) { return parse_json(text, "f.json", "file"); }

}  // namespace

TEST_CASE("values keep their kind, order and place") {
  const Json v = parse(
      "{\n  \"zeta\": [1, -2.5, 1e3],  // comment\n  \"é\": {\"b\": null, \"a\": true}, /* x */ \"s\": "
      "\"q\\u00e9\\n\"\n}");
  REQUIRE(v.as_object().size() == 3);
  CHECK(v.as_object()[0].first == "zeta");
  CHECK(v.as_object()[1].first == "é");
  CHECK(v.get("é").as_object()[0].first == "b");
  const Json& list = v.get("zeta");
  CHECK(list.as_array()[0].is_int());
  CHECK(list.as_array()[0].as_double() == 1.0);
  CHECK_FALSE(list.as_array()[2].is_int());
  CHECK(list.as_array()[2].as_double() == 1000.0);
  CHECK(v.get("s").as_string() == "qé\n");
  CHECK(describe(v.source) == "f.json:1:1");
  CHECK(describe(list.source) == "f.json:2:11");
  CHECK(describe(list.as_array()[1].source) == "f.json:2:15");
  CHECK(describe(v.at_path("é.a")->source) == "f.json:3:25");  // columns count characters
  CHECK(v.at_path("zeta.2")->source.layer() == "file");
  CHECK(v.at_path("zeta.3") == nullptr);
  CHECK(v.at_path("zeta.x") == nullptr);
  CHECK(v.at_path("zeta.0.x") == nullptr);
}

TEST_CASE("all values of a text share its name, and those that are given one source that one") {
  Json v = parse("[1, {\"a\": [2]}]");
  const std::string* name = &v.source.name();
  CHECK(&v.at_path("1.a.0")->source.name() == name);
  set_source(v, Source("flag", "--flag"));
  CHECK(v.at_path("1.a.0")->source.name() == "--flag");
  CHECK(&v.at_path("1.a.0")->source.name() == &v.source.name());
  CHECK(v.at_path("1.a.0")->source.line == 0);
}

TEST_CASE("comments may stand wherever space may") {
  const Json v = parse("/*a*/{/*b*/\"k\"/*c*/:/*d*/[/*e*/]/*f*/,/*g*/\"m\":[1/*h*/,//i\n2]/*j*/}//k");
  CHECK(to_text(v) == R"({"k": [], "m": [1, 2]})");
  CHECK(parse("[\"/* no */ // comment\"]").as_array()[0].as_string() == "/* no */ // comment");
  JsonLimits none;
  none.comments = false;
  CHECK(refusal("[1, // one\n2]", none) == "f.json:1:5: expected a value, found a comment");
  CHECK(refusal("[1] /* open") ==
        "f.json:1:5: expected '*/' to end the comment that begins here, found the end of the text");
}

TEST_CASE("what is not strict JSON is refused with its place") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "f.json:1:1: expected a value, found the end of the text"},
      {"{\"a\": 1,}", "f.json:1:9: expected a key in double quotes, found '}'"},
      {"[1,\n 2,\n]", "f.json:3:1: expected a value, found ']'"},
      {"[1 2]", "f.json:1:4: expected ',' or ']' to end the array, found '2'"},
      {"{\"a\": [1,\n 2}", "f.json:2:3: expected ',' or ']' to end the array, found '}'"},
      {"{\"a\": [1,\n 2",
       "f.json:2:3: expected ',' or ']' to end the array, found the end of the text; the '[' at 1:7 is not closed"},
      {"{\"a\" 1}", "f.json:1:6: expected ':' after the key, found '1'"},
      {"{a: 1}", "f.json:1:2: expected a key in double quotes, found 'a'"},
      {"{'a': 1}", "f.json:1:2: expected a key in double quotes, found ' (strings take double quotes)"},
      {"1 2", "f.json:1:3: expected the end of the text after the value, found '2'"},
      {"[True]", "f.json:1:2: expected a value, found 'True' (write true)"},
      {"[nan]", "f.json:1:2: expected a value, found 'nan' (numbers are finite)"},
      {"[nulls]", "f.json:1:6: expected ',' or ']' to end the array, found 's'"},
      {"0123", "f.json:1:1: expected a number without leading zeros, found 0123"},
      {"-01", "f.json:1:1: expected a number without leading zeros, found -01"},
      {"+1", "f.json:1:1: expected a number without '+', found +1"},
      {".5", "f.json:1:1: expected a value, found '.'"},
      {"1.", "f.json:1:3: expected a digit after the decimal point, found the end of the text"},
      {"1e", "f.json:1:1: expected a number, found 1e"},
      {"-", "f.json:1:1: expected a number, found -"},
      {"0x10", "f.json:1:2: expected the end of the text after the value, found 'x10'"},
      {"18446744073709551616",
       "f.json:1:1: expected an integer of 64 bits (-9223372036854775808 to 9223372036854775807), found "
       "18446744073709551616"},
      {"9223372036854775808",
       "f.json:1:1: expected an integer of 64 bits (-9223372036854775808 to 9223372036854775807), found "
       "9223372036854775808"},
      {"1e400", "f.json:1:1: expected a number that a double can hold, found 1e400"},
      {"[1e-400]", "f.json:1:2: expected a number that a double can hold, found 1e-400"},
      {"\"a\nb\"", "f.json:1:1: expected '\"' to end the string that begins here, found the end of the line"},
      {"\"a\tb\"", "f.json:1:3: expected an escape such as \\t in a string, found the control character 0x09"},
      {"\"\\x\"",
       "f.json:1:2: expected one of the escapes \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u, found a '\\' before 'x'"},
      {"\"\\u00g0\"", "f.json:1:6: expected four hexadecimal digits after '\\u', found 'g0'"},
      {"\"\\u0000\"", "f.json:1:2: expected text without NUL, found \\u0000"},
      {"\"\\ud800\"", "f.json:1:2: expected a pair of surrogates, found half of one"},
      {"\"\\udc00\\ud800\"", "f.json:1:2: expected a pair of surrogates, found half of one"},
      {"{\"a\": 1,\n \"b\": 2,\n \"\\u0061\": 3}", "f.json:3:2: expected each key once, found \"\\u0061\" again"},
      {std::string("[1, \0]", 6), "f.json:1:5: expected text without NUL, found the byte 0x00"},
      {"\"\xff\"", "f.json:1:2: expected UTF-8, found the byte 0xff"},
      {"\"\xc0\xaf\"", "f.json:1:2: expected UTF-8, found the byte 0xc0"},
      {"\"é\xed\xa0\x80\"", "f.json:1:3: expected UTF-8, found the byte 0xed"},
      {"\"\xe2\x82", "f.json:1:2: expected UTF-8, found the byte 0xe2"},
  };
  for (const auto& [text, message] : cases) {
    INFO(text);
    CHECK(refusal(text) == message);
  }
}

TEST_CASE("edges that are allowed") {
  CHECK(parse("-9223372036854775808").as_int() == INT64_MIN);
  CHECK(parse("9223372036854775807").as_int() == INT64_MAX);
  CHECK(parse("-0").as_int() == 0);
  CHECK(parse("0e-999").as_double() == 0);
  CHECK(parse("5e-324").as_double() == 5e-324);
  CHECK(parse("1.7976931348623157e308").as_double() == 1.7976931348623157e308);
  CHECK(parse("\xef\xbb\xbf{\"a\": 1}").get("a").source.column == 7);  // the BOM has no width
  CHECK(parse("\"\\ud83d\\ude00\"").as_string() == "\xf0\x9f\x98\x80");
  CHECK(parse("\"\"").as_string().empty());
}

TEST_CASE("nesting and size are limited before they cost anything") {
  CHECK(parse(std::string(64, '[') + std::string(64, ']')).is_array());
  CHECK(refusal(std::string(65, '[') + std::string(65, ']')) ==
        "f.json:1:65: expected at most 64 levels of nesting, found a deeper one");
  CHECK(refusal(std::string(1 << 20, '[')).find("at most 64 levels") != std::string::npos);
  JsonLimits small;
  small.max_bytes = 10;
  CHECK(refusal("[1, 2, 3, 4]", small) == "f.json: expected at most 10 bytes, found 12");
  JsonLimits narrow;
  narrow.max_members = 2;
  narrow.max_key_bytes = 45;
  CHECK(refusal(R"({"a": 1, "b": {"c": 1, "d": 2}})", narrow).empty());
  CHECK(refusal(R"({"a": 1, "b": 2, "c": 3})", narrow) == "f.json:1:1: expected at most 2 keys in an object, found 3");
  CHECK(refusal("{\"" + std::string(46, 'k') + "\": 1}", narrow) ==
        "f.json:1:52: expected a value whose key has at most 45 bytes, found one of 46, \"" + std::string(40, 'k') +
            "…\"");
}

TEST_CASE("random texts are refused with a place and an expectation, or read back equal") {
  static const std::vector<std::string> fragments = {"{",        "}",           "[", "]",  ",",     ":",    "\"a\"",
                                                     "\"b\\n\"", "\"\\u00e9\"", "1", "-2", "0.5",   "1e5",  "null",
                                                     "true",     "/*c*/",       " ", "\n", "//x\n", "\"é\""};
  KeyedRandom random(hash_key(7));
  int accepted = 0;
  for (int i = 0; i < 60000; ++i) {
    std::string text;
    for (uint64_t n = 1 + random.below(9); n > 0; --n) text += fragments[random.below(fragments.size())];
    INFO(text);
    Json value;
    try {
      value = parse(text);
    } catch (const Error& error) {
      int line = 0, column = 0, length = 0;
      REQUIRE(std::sscanf(error.what(), "f.json:%d:%d: expected %n", &line, &column, &length) == 2);
      CHECK(length > 0);
      CHECK(std::string(error.what()).find(", found ") != std::string::npos);
      continue;
    }
    ++accepted;
    CHECK(parse(to_text(value)) == value);
    CHECK(parse(to_text(value, 2)) == value);
  }
  CHECK(accepted > 1000);
}

TEST_CASE("doubles survive the way out and back, and stay doubles") {
  KeyedRandom random(hash_key(8));
  for (int i = 0; i < 2000; ++i) {
    const uint64_t bits = random.next();
    double v;
    static_assert(sizeof v == sizeof bits);
    std::memcpy(&v, &bits, sizeof v);
    if (v != v || v - v != 0) continue;
    const Json back = parse(to_text(Json(v)));
    CHECK(back.type() == Json::Type::real);
    CHECK(back.as_double() == v);
  }
  CHECK(to_text(Json(3.0)) == "3.0");
  CHECK(to_text(Json(1e300)) == "1e+300");
  CHECK_THROWS_AS(to_text(Json(1.0 / 0.0 * 1.0)), Error);
}

TEST_CASE("strings are written as valid JSON whatever they hold") {
  CHECK(to_text(Json("a\"\\\n\x01é")) == "\"a\\\"\\\\\\n\\u0001é\"");
  CHECK(to_text(Json("x\xff\xfey")) == "\"x\\ufffd\\ufffdy\"");
}

TEST_CASE("a text is shortened between characters") {
  CHECK(shortened("äöü", 6) == "äöü");
  CHECK(shortened("äöü", 5) == "äö…");
  CHECK(shortened("äöü", 1) == "…");
}

TEST_CASE("indented text") {
  const Json v = parse(R"({"a": {"b": [1, 2], "c": []}, "d": [{"e": 1}], "f": {}})");
  CHECK(to_text(v, 2) ==
        "{\n  \"a\": {\n    \"b\": [1, 2],\n    \"c\": []\n  },\n  \"d\": [\n    {\n      \"e\": 1\n    }\n  ],\n  "
        "\"f\": {}\n}");
}

TEST_CASE("access with the wrong type names the place") {
  const Json v = parse("{\"a\": 1.5, \"n\": null}");
  CHECK_THROWS_WITH(v.get("a").as_int(), "f.json:1:7: expected an integer, found a number");
  CHECK_THROWS_WITH(v.get("a").as_bool(), "f.json:1:7: expected a boolean, found a number");
  CHECK_THROWS_WITH(v.get("b"), "f.json:1:1: expected the key 'b', which is not there");
  CHECK(v.get_int("n", 7) == 7);
  CHECK(v.get_int("absent", 7) == 7);
  CHECK(v.get_double("a", 0) == 1.5);
  CHECK_THROWS_AS(v.get_string("a", ""), Error);
}

TEST_CASE("members: set, erase, equality without order") {
  Json v = Json::object();
  v.set("a", 1);
  v.set("b", "x");
  v.set("a", 2);
  CHECK(to_text(v) == R"({"a": 2, "b": "x"})");
  CHECK(v == parse(R"({"b": "x", "a": 2})"));
  CHECK_FALSE(v == parse(R"({"b": "x", "a": 2.0})"));
  CHECK_FALSE(v == parse(R"({"b": "x", "a": 2, "c": 1})"));
  CHECK(v.erase("a"));
  CHECK_FALSE(v.erase("a"));
  CHECK_THROWS_AS(Json(1).set("a", 1), Error);
}

TEST_CASE("files that are no files") {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("selfsup-json-" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  const auto message = [](const std::string& path) -> std::string {
    try {
      read_json_file(path, "file");
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  CHECK(message((folder / "none.json").string()) ==
        (folder / "none.json").string() + ": cannot be opened: No such file or directory");
  CHECK(message(folder.string()) == folder.string() + ": a directory, not a regular file");
  const std::string fifo = (folder / "fifo").string();
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  CHECK(message(fifo) == fifo + ": a FIFO, not a regular file");
  std::ofstream(folder / "ok.json") << "{\"a\": 1}";
  CHECK(read_json_file((folder / "ok.json").string(), "base").get("a").source.layer() == "base");
  std::filesystem::remove_all(folder);
}
