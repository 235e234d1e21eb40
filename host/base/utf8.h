// What is UTF-8 (RFC 3629: no overlong forms, no surrogates), and how many characters it is. Knows nobody.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace selfsup {

// Bytes of the character that the text begins with; 0: it begins with none.
size_t utf8_length(std::string_view text);

// Offset of the first byte that is not UTF-8, else npos.
size_t find_bad_utf8(std::string_view text);
inline bool valid_utf8(std::string_view text) { return find_bad_utf8(text) == std::string_view::npos; }

// Of valid UTF-8: whether the byte goes on with a character that began before it, and how many characters there are.
inline bool utf8_continues(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) == 0x80; }
size_t utf8_characters(std::string_view text);

// Printable UTF-8 in one line: control characters and bytes that are no UTF-8 become \n, \t, \xNN, a backslash \\.
std::string printable(std::string_view bytes);
// The same of text in lines: ends of lines, tabs and backslashes stay.
std::string printable_lines(std::string_view text);

}  // namespace selfsup
