// Writes a Json as text.
#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "base/errors.h"
#include "base/json.h"
#include "base/utf8.h"

namespace selfsup {
namespace {

class Writer {
 public:
  explicit Writer(int indent) : indent_(indent) {}

  void value(const Json& v, int depth) {
    switch (v.type()) {
      case Json::Type::null:
        out_ += "null";
        break;
      case Json::Type::boolean:
        out_ += v.as_bool() ? "true" : "false";
        break;
      case Json::Type::integer:
        out_ += fmt::format_int(v.as_int()).c_str();
        break;
      case Json::Type::real:
        real(v.as_double());
        break;
      case Json::Type::string:
        string(v.as_string());
        break;
      case Json::Type::array:
        array(v.as_array(), depth);
        break;
      case Json::Type::object:
        object(v.as_object(), depth);
        break;
    }
  }

  std::string take() { return std::move(out_); }

 private:
  void real(double v) {
    if (!std::isfinite(v)) throw Error(Exit::failed, "a number that is not finite cannot be written as JSON");
    char buffer[32];
    const char* end = std::to_chars(buffer, buffer + sizeof buffer, v).ptr;
    const std::string_view text(buffer, static_cast<size_t>(end - buffer));
    out_ += text;
    if (text.find_first_of(".e") == std::string_view::npos) out_ += ".0";
  }

  void string(std::string_view s) {
    out_ += '"';
    while (!s.empty()) {  // bytes that are not UTF-8, as in odd file names, become U+FFFD
      const size_t bad = find_bad_utf8(s);
      escaped(s.substr(0, bad));
      if (bad == std::string_view::npos) break;
      out_ += "\\ufffd";
      s.remove_prefix(bad + 1);
    }
    out_ += '"';
  }

  void escaped(std::string_view s) {
    for (const char c : s) {
      switch (c) {
        case '"':
          out_ += "\\\"";
          break;
        case '\\':
          out_ += "\\\\";
          break;
        case '\n':
          out_ += "\\n";
          break;
        case '\r':
          out_ += "\\r";
          break;
        case '\t':
          out_ += "\\t";
          break;
        default:
          if (static_cast<unsigned char>(c) < 0x20)
            out_ += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
          else
            out_ += c;
      }
    }
  }

  void new_line(int depth) {
    if (indent_ < 0) return;
    out_ += '\n';
    out_.append(static_cast<size_t>(depth * indent_), ' ');
  }

  void array(const Json::Array& items, int depth) {
    bool flat = true;  // a list of scalars stays on one line
    for (const Json& item : items) flat = flat && !item.is_array() && !item.is_object();
    out_ += '[';
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out_ += flat || indent_ < 0 ? ", " : ",";
      if (!flat) new_line(depth + 1);
      value(items[i], depth + 1);
    }
    if (!flat) new_line(depth);
    out_ += ']';
  }

  void object(const Json::Object& members, int depth) {
    out_ += '{';
    for (size_t i = 0; i < members.size(); ++i) {
      if (i > 0) out_ += indent_ < 0 ? ", " : ",";
      new_line(depth + 1);
      string(members[i].first);
      out_ += ": ";
      value(members[i].second, depth + 1);
    }
    if (!members.empty()) new_line(depth);
    out_ += '}';
  }

  int indent_;
  std::string out_;
};

}  // namespace

std::string to_text(const Json& value, int indent) {
  Writer writer(indent);
  writer.value(value, 0);
  return writer.take();
}

}  // namespace selfsup
