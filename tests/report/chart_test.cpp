#include <unistd.h>
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <regex>
#include <set>

#include "base/errors.h"
#include "base/utf8.h"
#include "report/axis.h"
#include "report/chart.h"
#include "report/curve.h"
#include "report/history.h"

using namespace selfsup;
using namespace selfsup::report;

namespace {

constexpr double gap = std::numeric_limits<double>::quiet_NaN();

std::vector<Point> line_of(const std::vector<double>& values, int64_t every = 10) {
  std::vector<Point> points;
  for (const double value : values) points.push_back({every * static_cast<int64_t>(points.size() + 1), value});
  return points;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines(1);
  for (const char c : text) {
    if (c == '\n')
      lines.emplace_back();
    else
      lines.back() += c;
  }
  return lines;
}

size_t count(const std::string& text, const std::string& piece) {
  size_t found = 0;
  for (size_t at = text.find(piece); at != text.npos; at = text.find(piece, at + 1)) ++found;
  return found;
}

History history_of(const std::string& text) {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("selfsup-history-" + std::to_string(::getpid()))).string();
  std::ofstream(path, std::ios::binary) << text;
  History history(path);
  ::unlink(path.c_str());
  return history;
}

}  // namespace

TEST_CASE("an axis holds its values and has round ticks, a few of them, whatever the values") {
  const Axis percent = axis_over(55.6, 59.4, 5, true);
  CHECK(percent.low == 55);
  CHECK(percent.high == 60);
  CHECK(percent.ticks == std::vector<double>{55, 56, 57, 58, 59, 60});
  CHECK(percent.text(56) == "56");
  const Axis rate = axis_over(0, 0.002, 4, true);
  CHECK(rate.text(rate.ticks.at(1)) == "0.0005");
  CHECK(axis_over(0, 60, 6, false).text(0) == "0");  // and not -0
  for (const double low : {-1e308, -3.7, 0.0, 1e-320, 2.0, 99999.0, 1e308})
    for (const double range : {0.0, 1e-12, 0.3, 7.0, 1e9}) {
      const double high = low + range;
      for (const bool outward : {false, true}) {
        const Axis axis = axis_over(low, high, 5, outward);
        INFO(low << " " << high << " " << outward);
        CHECK(axis.low < axis.high);
        CHECK(axis.low <= low);
        CHECK(axis.high >= high);
        CHECK(axis.place(low) >= 0);
        CHECK(axis.place(high) <= 1);
        CHECK(axis.ticks.size() <= 14);
      }
    }
  CHECK(axis_over(gap, 3, 5, true).low < axis_over(gap, 3, 5, true).high);
}

TEST_CASE("metrics.jsonl is read as series, whatever else is in it") {
  const History history = history_of(
      "{\"loss\": 1.5, \"note\": \"x\", \"step\": 10}\nno json\n{\"loss\": null, \"lr\": 1, \"step\": 20}\n{\"loss\": "
      "7}\n"
      "{\"probe/knn\": 0.5, \"step\": 20}\n{\"loss\": 1, \"step\": 3");
  REQUIRE(history.find("loss"));
  CHECK(history.find("loss")->points.size() == 2);
  CHECK(history.find("loss")->points[0].value == 1.5);
  CHECK(std::isnan(history.find("loss")->points[1].value));
  CHECK(history.last("probe/knn")->step == 20);
  CHECK(history.last_step() == 20);
  CHECK_FALSE(history.find("note"));
  CHECK_FALSE(history.last("absent"));
  CHECK(History("/there/is/no/such/file").series().empty());
  CHECK(loss_and_knn(history_of("")).empty());
  const Chart chart = loss_and_knn(history_of("{\"loss\": 1, \"loss_a\": 2, \"probe/knn\": 0.25, \"step\": 1}\n"));
  REQUIRE(chart.left.lines.size() == 2);
  CHECK(chart.left.lines[1].label == "loss_a");
  CHECK(chart.right.lines.at(0).points.at(0).value == 25);
}

TEST_CASE("a thinned line keeps its ends, its peaks and its gaps") {
  std::vector<double> values(100000, 1.0);
  values[0] = 5;
  values[33333] = 1e6;
  values[66666] = -3;
  values[70000] = gap;
  values.back() = 4;
  const std::vector<Point> all = line_of(values, 1), few = thinned(all, 1000);
  CHECK(few.size() <= 1004);
  CHECK(few.front().value == 5);
  CHECK(few.back().value == 4);
  std::set<int64_t> steps;
  for (const Point& point : few) steps.insert(point.step);
  CHECK(steps.size() == few.size());
  CHECK(std::is_sorted(few.begin(), few.end(), [](const Point& a, const Point& b) { return a.step < b.step; }));
  for (const int64_t kept : {33334, 66667, 70001}) CHECK(steps.contains(kept));
  CHECK(thinned(line_of({1, 2, 3}), 3).size() == 3);
}

TEST_CASE("a chart puts its points where they belong, and leaves gaps where there are none") {
  Chart chart{"t", {"", {{"loss", line_of({2, 1, gap, 0, 1})}}}, {}};
  const std::string svg = chart_svg(chart);
  std::smatch path;
  REQUIRE(std::regex_search(svg, path, std::regex("<path class=\"line c0\" d=\"(M[^\"]*)\"")));
  // 0 to 50 iterations over 708 pixels, 0 to 2 over 262, from the bottom.
  CHECK(path[1] == "M207.6 52.0L349.2 183.0M632.4 314.0L774.0 183.0");
  CHECK(count(svg, "<circle") == 0);
  CHECK(svg.find("loss 1<") != svg.npos);  // where it ends
  chart.right = {" %", {{"kNN", {{50, 12.5}}}}};
  CHECK(count(chart_svg(chart), "<circle class=\"c1\"") == 1);
  CHECK(chart_svg(chart).find("kNN 12.5 %<") != svg.npos);
  CHECK(chart_svg({"t", {"", {{"a", line_of({gap, gap})}}}, {}}).empty());
  CHECK(chart_svg({}).empty());
  CHECK_FALSE(chart_svg({"t", {"", {{"a", {{0, 1}}}}}, {}}).empty());
}

TEST_CASE("names in a chart cannot break out of it") {
  const std::string svg = chart_svg({"<a&\"b\">", {"", {{"</text><script>", line_of({1, 2})}}}, {}});
  CHECK(svg.find("<script") == svg.npos);
  CHECK(svg.find("&lt;a&amp;&quot;b&quot;&gt;") != svg.npos);
}

TEST_CASE("a curve on a terminal") {
  const Chart chart{"t", {"", {{"loss", line_of({8, 4, 2, 1})}}}, {" %", {{"kNN", {{20, 10}, {40, 50}}}}}};
  CHECK(lines_of(chart_text(chart, 46, 5, false)) ==
        std::vector<std::string>{"loss                             o kNN",       //
                                 "  8 +        **                   o+ 50.0 %",  //
                                 "    |         ****                 |",         //
                                 "4.5 +            *****             + 30.0 %",  //
                                 "    |                ********      |",         //
                                 "  1 +               o       *******+ 10.0 %",  //
                                 "    ++-------------+--------------++",         //
                                 "     0             20            40 iterations"});
}

TEST_CASE("a curve on a terminal keeps to its place at any size, with any number of points") {
  for (const int columns : {1, 40, 72, 200})
    for (const int rows : {1, 2, 9})
      for (const auto& values : std::vector<std::vector<double>>{
               {1}, {1, 1}, {gap, 3}, {1e300, -1e300, 5}, {1, 2, gap, 4}, std::vector<double>(3000, 7)})
        for (const bool utf8 : {false, true}) {
          const Chart chart{"t", {"", {{"loss", line_of(values)}}}, {" %", {{"kNN", line_of({5, 50}, 17)}}}};
          for (const std::string& line : lines_of(chart_text(chart, columns, rows, utf8))) {
            CHECK(valid_utf8(line));
            CHECK(utf8_characters(line) <= static_cast<size_t>(std::max(40, columns)) + 12);
            if (!utf8) CHECK(utf8_characters(line) == line.size());
          }
        }
  CHECK(chart_text({}, 72, 9, true).empty());
  CHECK(chart_text({"t", {"", {{"loss", line_of({gap})}}}, {}}, 72, 9, true).empty());
}
