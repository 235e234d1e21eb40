#include "report/page.h"

#include <catch2/catch.hpp>

#include "report/markup.h"

using namespace selfsup::report;

TEST_CASE("text in markup is text, whatever it holds") {
  CHECK(escaped("a<b> & \"c\" 'd'\n") == "a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;\n");
  CHECK(escaped("\xc3\xa9\xe4\xbd\xa0") == "\xc3\xa9\xe4\xbd\xa0");
  CHECK(escaped(std::string_view("\0\x1b\xff\xef\xbf\xbf", 6)) == "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

TEST_CASE("a page holds what it is given, escaped, and nothing from outside") {
  Page page;
  const std::string evil = "<script>alert(\"&\")</script>";
  page.title = page.outcome = page.command = page.config = evil;
  page.facts = {{evil, evil}};
  page.tables = page.bad_files = {evil};
  page.figures = {{evil, evil, std::string("\x00\xff\x10", 3)}, {"two", "", "ab"}};
  page.charts = {"<svg>chart</svg>"};
  const std::string html = page_html(page);
  CHECK(html.find("<script") == html.npos);
  CHECK(html.find("http") == html.npos);
  CHECK(html.find("<svg>chart</svg>") != html.npos);
  CHECK(html.find("base64,AP8Q\"") != html.npos);
  CHECK(html.find("base64,YWI=\"") != html.npos);
  size_t found = 0;
  for (size_t at = html.find("&lt;script&gt;alert(&quot;&amp;&quot;)"); at != html.npos;
       at = html.find("&lt;script", at + 1))
    ++found;
  CHECK(found == 11);
}

TEST_CASE("what a page is not given has no heading") {
  Page page;
  page.title = "t";
  CHECK(page_html(page).find("<h2>") == std::string::npos);
}
