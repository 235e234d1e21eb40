#include "base/text.h"

#include <fmt/format.h>

#include <iterator>

#include "base/utf8.h"

namespace selfsup {

std::string shortened(std::string_view text, size_t bytes) {
  if (text.size() <= bytes) return std::string(text);
  while (bytes > 0 && utf8_continues(text[bytes])) --bytes;
  return fmt::format("{}…", text.substr(0, bytes));
}

std::string size_text(uint64_t bytes) {
  static constexpr const char* units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return fmt::format("{} bytes", bytes);
  double size = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  for (; size >= 999.5 && unit + 1 < std::size(units); ++unit) size /= 1024;
  return fmt::format("{:.{}f} {}", size, size < 9.995 ? 2 : size < 99.95 ? 1 : 0, units[unit]);
}

std::string elided(std::string_view text, size_t characters) {
  if (text.size() <= characters) return std::string(text);
  const size_t all = utf8_characters(text);
  if (all <= characters) return std::string(text);
  // Whole characters of either end, whose offsets are found by counting.
  const size_t first = (characters + 1) / 2, last = characters / 2;
  size_t begin = 0, end = text.size();
  for (size_t n = 0; n < first || (begin < text.size() && utf8_continues(text[begin])); ++begin)
    n += utf8_continues(text[begin]) ? 0 : 1;
  for (size_t n = 0; n < last;) n += utf8_continues(text[--end]) ? 0 : 1;
  return fmt::format("{} … {} characters … {}", text.substr(0, begin), all - characters, text.substr(end));
}

void TextPosition::move_to(size_t offset) {
  for (; offset_ < offset; ++offset_) {
    if (text_[offset_] == '\n') {
      ++line_;
      column_ = 1;
    } else if (!utf8_continues(text_[offset_])) {
      ++column_;
    }
  }
}

}  // namespace selfsup
