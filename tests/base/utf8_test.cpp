#include "base/utf8.h"

#include <catch2/catch.hpp>

using namespace selfsup;

TEST_CASE("what is UTF-8, at its edges") {
  for (const char* text : {"", "a", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                           "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "\xc3\xa4\xe2\x82\xac."})
    CHECK(valid_utf8(text));
  for (const char* text : {"\x80", "\xbf", "\xc0\xaf", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
                           "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xc3", "\xe2\x82", "\xf0\x90\x80", "\xc3("})
    CHECK_FALSE(valid_utf8(text));
  CHECK(find_bad_utf8("\xc3\xa4\xff") == 2);
  CHECK(valid_utf8(std::string_view("a\0b", 3)));
}

TEST_CASE("characters are counted, and begin where they say") {
  CHECK(utf8_characters("\xc3\xa4\xe2\x82\xac.") == 3);
  CHECK(utf8_length("") == 0);
  CHECK(utf8_length("\xe2\x82\xac.") == 3);
}

TEST_CASE("whatever bytes a name has, it is printed in one line of UTF-8") {
  CHECK(printable("a\n\t\\\x01\x7f\xc2\x85") == "a\\n\\t\\\\\\x01\\x7f\\xc2\\x85");
  CHECK(printable("\xc3\xa4 \xe4 \xed\xa0\x80") == "\xc3\xa4 \\xe4 \\xed\\xa0\\x80");
}

TEST_CASE("a text in lines keeps them, and nothing that a terminal would obey") {
  CHECK(printable_lines("a\n\tb\\c") == "a\n\tb\\c");
  CHECK(printable_lines("\x1b[2J\r\xff\xc3\xa4\xc2\x9b\x7f") == "\\x1b[2J\\x0d\\xff\xc3\xa4\\xc2\\x9b\\x7f");
  CHECK(printable_lines("") == "");
}
