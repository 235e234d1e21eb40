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

namespace {

// Of what a text begins with: the bytes of a printable character, else 0. C1 controls are U+0080 to U+009F.
size_t printable_length(std::string_view text) {
  const size_t length = utf8_length(text);
  const unsigned char c = static_cast<unsigned char>(text[0]);
  const bool control =
      length == 1 ? c < 0x20 || c == 0x7f : length == 2 && c == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0;
  return control ? 0 : length;
}

std::string escape(char c) { return fmt::format("\\x{:02x}", static_cast<unsigned char>(c)); }

}  // namespace

std::string printable(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const size_t length = printable_length(bytes);
    const char c = bytes[0];
    if (c == '\n')
      text += "\\n";
    else if (c == '\t')
      text += "\\t";
    else if (c == '\\')
      text += "\\\\";
    else if (length == 0)
      text += escape(c);
    else
      text += bytes.substr(0, length);
    bytes.remove_prefix(std::max<size_t>(length, 1));
  }
  return text;
}

std::string printable_lines(std::string_view text) {
  std::string lines;
  lines.reserve(text.size());
  while (!text.empty()) {
    const size_t length = text[0] == '\n' || text[0] == '\t' ? 1 : printable_length(text);
    length > 0 ? lines.append(text.substr(0, length)) : lines.append(escape(text[0]));
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return lines;
}

}  // namespace selfsup
