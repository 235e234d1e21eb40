// Owns what metrics.jsonl says of a run, as series over its iterations. Knows no meaning of a name.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace selfsup::report {

struct Point {
  int64_t step = 0;
  double value = 0;  // NaN where the file has null: not finite
};

struct Series {
  std::string name;
  std::vector<Point> points;  // in the order of the file, whose steps grow
};

class History {
 public:
  History() = default;
  // Every number of every line that has a "step". Lines that cannot be read tell nothing; a file that is not there, no
  // line. Errors as of Lines::of.
  explicit History(const std::string& path);

  void add(std::string_view name, Point point);
  const std::vector<Series>& series() const { return series_; }
  const Series* find(std::string_view name) const;  // null: none of that name
  const Point* last(std::string_view name) const;   // null: none
  int64_t last_step() const { return last_step_; }  // 0 without lines

 private:
  std::vector<Series> series_;  // in the order in which the names came
  int64_t last_step_ = 0;
};

// At most about `most` points that draw the same line: of every stretch the first, the lowest, the highest, the last.
std::vector<Point> thinned(const std::vector<Point>& points, size_t most);

}  // namespace selfsup::report
