#include "base/utf8.h"

#include <fmt/format.h>

#include <algorithm>

namespace selfsup {

size_t utf8_length(std::string_view text) {
  if (text.empty()) return 0;
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  const size_t length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  if (length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i)
    if (!utf8_continues(text[i])) return 0;
  if (lead == 0xe0 && byte(1) < 0xa0) return 0;  // overlong
  if (lead == 0xed && byte(1) > 0x9f) return 0;  // surrogate
  if (lead == 0xf0 && byte(1) < 0x90) return 0;  // overlong
  if (lead == 0xf4 && byte(1) > 0x8f) return 0;  // past U+10FFFF
  return length;
}

size_t find_bad_utf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const size_t length = utf8_length(text.substr(at));
    if (length == 0) return at;
    at += length;
  }
  return std::string_view::npos;
}

size_t utf8_characters(std::string_view text) {
  return text.size() - static_cast<size_t>(std::count_if(text.begin(), text.end(), utf8_continues));
}

std::string printable(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const size_t length = utf8_length(bytes);
    const unsigned char c = static_cast<unsigned char>(bytes[0]);
    // C1 controls are U+0080 to U+009F.
    const bool control =
        length == 1 ? c < 0x20 || c == 0x7f : length == 2 && c == 0xc2 && static_cast<unsigned char>(bytes[1]) < 0xa0;
    if (c == '\n')
      text += "\\n";
    else if (c == '\t')
      text += "\\t";
    else if (c == '\\')
      text += "\\\\";
    else if (length == 0 || control)
      text += fmt::format("\\x{:02x}", c);
    else
      text += bytes.substr(0, length);
    bytes.remove_prefix(length == 0 || control ? 1 : length);
  }
  return text;
}

}  // namespace selfsup
