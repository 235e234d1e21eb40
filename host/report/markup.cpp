#include "report/markup.h"

#include "base/utf8.h"

namespace selfsup::report {

std::string escaped(std::string_view text) {
  std::string out;
  for (size_t bytes; !text.empty(); text.remove_prefix(bytes)) {
    bytes = utf8_length(text);
    const bool control = bytes == 1 && static_cast<unsigned char>(text[0]) < 0x20;
    const bool no_character =
        bytes == 3 && (text.substr(0, 3) == "\xef\xbf\xbe" || text.substr(0, 3) == "\xef\xbf\xbf");
    if (bytes == 0 || no_character || (control && text[0] != '\n' && text[0] != '\t')) {
      out += "\xef\xbf\xbd";
      bytes = bytes ? bytes : 1;
    } else if (bytes > 1) {
      out += text.substr(0, bytes);
    } else {
      switch (text[0]) {
        case '&':
          out += "&amp;";
          break;
        case '<':
          out += "&lt;";
          break;
        case '>':
          out += "&gt;";
          break;
        case '"':
          out += "&quot;";
          break;
        case '\'':
          out += "&#39;";
          break;
        default:
          out += text[0];
      }
    }
  }
  return out;
}

}  // namespace selfsup::report
