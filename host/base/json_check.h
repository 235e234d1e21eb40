// The strict grammar of JSON: finds what jsoncpp lets pass, and says where and why. Knows errors and the limits of
// json.h.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace selfsup {

// The text, or where it has more than `bytes` bytes, as many of its first characters as fit, and "…".
std::string shortened(std::string_view text, size_t bytes);

// 1-based line and column; columns count characters, not bytes. Moving forward from one offset to a later one costs
// only the distance.
class TextPosition {
 public:
  explicit TextPosition(std::string_view text) : text_(text) {}
  void move_to(size_t offset);  // offset >= the one before
  int line() const { return line_; }
  int column() const { return column_; }

 private:
  std::string_view text_;
  size_t offset_ = 0;
  int line_ = 1, column_ = 1;
};

struct CommentRange {
  size_t begin, end;
};

// Throws Error(usage) "SOURCE:LINE:COLUMN: expected …, found …" unless text is one JSON value within the limits, as
// parse_json promises. Returns where the comments are.
std::vector<CommentRange> check_json(std::string_view text, const std::string& source, const JsonLimits& limits);

}  // namespace selfsup
