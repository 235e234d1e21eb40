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
