#include "base/text.h"

#include <fmt/format.h>

#include "base/utf8.h"

namespace selfsup {

std::string shortened(std::string_view text, size_t bytes) {
  if (text.size() <= bytes) return std::string(text);
  while (bytes > 0 && utf8_continues(text[bytes])) --bytes;
  return fmt::format("{}…", text.substr(0, bytes));
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
