// Places and lengths in UTF-8 text. Knows no format.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace selfsup {

// The text, or where it has more than `bytes` bytes, as many of its first characters as fit, and "…".
std::string shortened(std::string_view text, size_t bytes);

// "96.3 GiB", "220 MiB", "17 bytes": three digits.
std::string size_text(uint64_t bytes);

// How much of a text of others' making (a plugin's, a file's) a message takes.
inline constexpr size_t kShownCharacters = 400;

// The text, or where it has more than `characters`, its first and its last ones, and how many are left out between.
std::string elided(std::string_view text, size_t characters = kShownCharacters);

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

}  // namespace selfsup
