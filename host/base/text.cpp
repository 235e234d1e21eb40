#include "base/text.h"

#include <fmt/format.h>

namespace selfsup {

std::string shortened(std::string_view text, size_t bytes) {
  if (text.size() <= bytes) return std::string(text);
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xc0) == 0x80) --bytes;
  return fmt::format("{}…", text.substr(0, bytes));
}

void TextPosition::move_to(size_t offset) {
  for (; offset_ < offset; ++offset_) {
    if (text_[offset_] == '\n') {
      ++line_;
      column_ = 1;
    } else if ((static_cast<unsigned char>(text_[offset_]) & 0xc0) != 0x80) {
      ++column_;
    }
  }
}

}  // namespace selfsup
