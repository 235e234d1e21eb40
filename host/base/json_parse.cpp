// Reads JSON by jsoncpp, and refuses what that lets pass.
#include <fmt/format.h>
#include <json/reader.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>

#include "base/errors.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "base/utf8.h"

namespace selfsup {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

// A text and the words for what is wrong with it.
class Text {
 public:
  Text(std::string_view text, const std::string& source) : text_(text), source_(source) {}

  std::string_view all() const { return text_; }
  char at(size_t offset) const { return offset < text_.size() ? text_[offset] : '\0'; }
  std::string place(size_t offset) const {
    TextPosition position(text_);
    position.move_to(std::min(offset, text_.size()));
    return fmt::format("{}:{}", position.line(), position.column());
  }
  [[noreturn]] void fail(size_t offset, std::string_view expected, std::string_view found) const {
    throw Error(Exit::usage, fmt::format("{}:{}: expected {}, found {}", source_, place(offset), expected, found));
  }

  // What stands at an offset, for a message.
  std::string found(size_t offset) const {
    if (offset >= text_.size()) return "the end of the text";
    const char c = text_[offset];
    if (is_word(c)) {
      size_t end = offset;
      while (end < text_.size() && is_word(text_[end]) && end - offset < 40) ++end;
      const std::string_view word = text_.substr(offset, end - offset);
      std::string_view hint;
      if (word == "True" || word == "TRUE") hint = " (write true)";
      if (word == "False" || word == "FALSE") hint = " (write false)";
      if (word == "None" || word == "nil") hint = " (write null)";
      if (word == "NaN" || word == "nan" || word == "Infinity" || word == "inf") hint = " (numbers are finite)";
      return fmt::format("'{}'{}", word, hint);
    }
    if (c == '\n' || c == '\r') return "the end of the line";
    if (c == '\'') return "' (strings take double quotes)";
    if (c == '/') return "a comment";
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      return fmt::format("the control character 0x{:02x}", static_cast<unsigned char>(c));
    size_t end = offset + 1;  // a whole character
    while (end < text_.size() && utf8_continues(text_[end])) ++end;
    return fmt::format("'{}'", text_.substr(offset, end - offset));
  }

 private:
  std::string_view text_;
  const std::string& source_;
};

// The pass before jsoncpp's: what it lets pass in strings, how deep the text is nested, and comments, which it does not
// take in every place.
class Lexer {
 public:
  Lexer(const Text& text, const JsonLimits& limits) : text_(text), limits_(limits) {}

  // The text with blanks for comments, and for carriage returns, which jsoncpp counts as lines.
  std::string run() {
    std::string plain(text_.all());
    for (size_t i = 0; i < plain.size();) {
      const char c = plain[i];
      size_t next = i + 1;
      if (c == '"') next = end_of_string(i);
      if (c == '\r') plain[i] = ' ';
      if (c == '}' || c == ']') {
        if (!open_.empty()) open_.pop_back();
      } else if (c == '{' || c == '[') {
        if (open_.size() >= static_cast<size_t>(limits_.max_depth))
          text_.fail(i, fmt::format("at most {} levels of nesting", limits_.max_depth), "a deeper one");
        open_.push_back(i);
      } else if (c == '/' && limits_.comments) {
        next = end_of_comment(i);
        std::replace_if(
            plain.begin() + static_cast<ptrdiff_t>(i), plain.begin() + static_cast<ptrdiff_t>(next),
            [](char inside) { return inside != '\n'; }, ' ');
      }
      i = next;
    }
    return plain;
  }

  // Offset of the innermost bracket that is not closed; npos: there is none.
  size_t unclosed() const { return open_.empty() ? std::string_view::npos : open_.back(); }

  size_t end_of_string(size_t begin) const {
    size_t i = begin + 1;
    for (char c = text_.at(i); c != '"'; c = text_.at(i)) {
      if (i >= text_.all().size() || c == '\n' || c == '\r')
        text_.fail(begin, "'\"' to end the string that begins here", text_.found(i));
      if (static_cast<unsigned char>(c) < 0x20) text_.fail(i, "an escape such as \\t in a string", text_.found(i));
      i = c == '\\' ? end_of_escape(i) : i + 1;
    }
    return i + 1;
  }

 private:
  size_t end_of_comment(size_t begin) const {
    const std::string_view all = text_.all();
    if (text_.at(begin + 1) == '/') return std::min(all.find('\n', begin), all.size());
    if (text_.at(begin + 1) != '*') text_.fail(begin, "'//' or '/*'", "'/' alone");
    const size_t close = all.find("*/", begin + 2);
    if (close == std::string_view::npos)
      text_.fail(begin, "'*/' to end the comment that begins here", "the end of the text");
    return close + 2;
  }

  size_t end_of_escape(size_t begin) const {
    const char c = text_.at(begin + 1);
    if (c == '\0' || std::strchr("\"\\/bfnrtu", c) == nullptr)
      text_.fail(begin, "one of the escapes \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u",
                 "a '\\' before " + text_.found(begin + 1));
    if (c != 'u') return begin + 2;
    const uint32_t code = unit(begin);
    if (code == 0) text_.fail(begin, "text without NUL", "\\u0000");
    if (code < 0xd800 || code > 0xdfff) return begin + 6;
    const bool pair = code < 0xdc00 && text_.all().substr(begin + 6, 2) == "\\u";
    if (const uint32_t low = pair ? unit(begin + 6) : 0; low < 0xdc00 || low > 0xdfff)
      text_.fail(begin, "a pair of surrogates", "half of one");
    return begin + 12;
  }

  // The four digits of a \u.
  uint32_t unit(size_t escape) const {
    uint32_t code = 0;
    for (size_t i = escape + 2; i < escape + 6; ++i) {
      const char c = text_.at(i);
      const int digit = is_digit(c) ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
      if (digit < 0) text_.fail(i, "four hexadecimal digits after '\\u'", text_.found(i));
      code = code * 16 + static_cast<uint32_t>(digit);
    }
    return code;
  }

  const Text& text_;
  const JsonLimits& limits_;
  std::vector<size_t> open_;
};

// The number that begins there. jsoncpp takes more than the grammar has, and its double depends on the process's
// locale.
Json read_number(const Text& text, size_t begin) {
  const std::string_view all = text.all();
  const size_t end = std::min(all.find_first_not_of("+-.0123456789eE", begin), all.size());
  const std::string_view token = all.substr(begin, end - begin);
  const auto refuse = [&](std::string_view expected) { text.fail(begin, expected, shortened(token, 40)); };
  const size_t first = token.starts_with('-') ? 1 : 0;
  if (token.starts_with('+')) refuse("a number without '+'");
  if (token.size() > first + 1 && token[first] == '0' && is_digit(token[first + 1]))
    refuse("a number without leading zeros");
  if (const size_t point = token.find('.'); point < token.size() && !is_digit(text.at(begin + point + 1)))
    text.fail(begin + point + 1, "a digit after the decimal point", text.found(begin + point + 1));
  const bool real = token.find_first_of(".eE") != std::string_view::npos;
  int64_t whole = 0;
  double value = 0;
  const auto [stop, failure] =
      real ? std::from_chars(token.begin(), token.end(), value) : std::from_chars(token.begin(), token.end(), whole);
  if (failure == std::errc::invalid_argument || stop != token.end()) refuse("a number");
  if (!real && failure != std::errc()) refuse("an integer of 64 bits (-9223372036854775808 to 9223372036854775807)");
  if (!real) return whole;
  const std::string_view mantissa = token.substr(0, token.find_first_of("eE"));
  const bool lost = value == 0 && mantissa.find_first_of("123456789") != std::string_view::npos;
  if (failure != std::errc() || !std::isfinite(value) || lost) refuse("a number that a double can hold");
  return value;
}

// jsoncpp's tree to ours. jsoncpp sorts members by name; the offsets give the order of appearance back.
class Converter {
 public:
  Converter(const Text& text, const JsonLimits& limits, const std::string& source, const std::string& layer)
      : text_(text), limits_(limits), position_(text.all()), source_(layer, source) {}

  Json convert(const ::Json::Value& value) {  // recursion is bounded by JsonLimits::max_depth
    const auto begin = static_cast<size_t>(value.getOffsetStart());
    position_.move_to(begin);  // parents before children: only ever forward
    const Source source = source_.at(position_.line(), position_.column());
    Json result = contents(value, begin);
    result.source = source;
    return result;
  }

 private:
  Json contents(const ::Json::Value& value, size_t begin) {
    switch (value.type()) {
      case ::Json::nullValue:
        return nullptr;
      case ::Json::booleanValue:
        return value.asBool();
      case ::Json::stringValue:
        return value.asString();
      case ::Json::arrayValue: {
        Json::Array items;
        items.reserve(value.size());
        for (const ::Json::Value& item : value) items.push_back(convert(item));
        return items;
      }
      case ::Json::objectValue:
        return members(value, begin);
      default:
        return read_number(text_, begin);
    }
  }

  Json members(const ::Json::Value& value, size_t begin) {
    if (value.size() > limits_.max_members)
      text_.fail(begin, fmt::format("at most {} keys in an object", limits_.max_members), std::to_string(value.size()));
    std::vector<::Json::Value::const_iterator> order;
    order.reserve(value.size());
    for (auto it = value.begin(); it != value.end(); ++it) order.push_back(it);
    std::sort(order.begin(), order.end(), [](auto a, auto b) { return a->getOffsetStart() < b->getOffsetStart(); });
    Json::Object object;
    object.reserve(order.size());
    for (const auto& it : order) {
      std::string name = it.name();
      if (name.size() > limits_.max_key_bytes)
        text_.fail(static_cast<size_t>(it->getOffsetStart()),
                   fmt::format("a value whose key has at most {} bytes", limits_.max_key_bytes),
                   fmt::format("one of {}, \"{}\"", name.size(), shortened(name, 40)));
      object.emplace_back(std::move(name), convert(*it));
    }
    return Json(std::move(object));
  }

  const Text& text_;
  const JsonLimits& limits_;
  TextPosition position_;
  const Source source_;
};

// problems: jsoncpp's, "* Line L, Column C\n  WHAT\n…"; plain: what it read, in which columns count bytes.
[[noreturn]] void refuse(const Text& text, std::string_view plain, const Lexer& lexer, const std::string& problems) {
  int line = 1, column = 1;
  std::sscanf(problems.c_str(), "* Line %d, Column %d", &line, &column);
  size_t offset = 0;
  for (; line > 1; --line) offset = plain.find('\n', offset) + 1;
  offset += static_cast<size_t>(column) - 1;
  const std::string what = problems.substr(problems.find('\n') + 1);
  if (what.find("is not a number") < what.find('\n')) read_number(text, offset);
  if (what.starts_with("  Duplicate key"))
    text.fail(offset, "each key once",
              fmt::format("{} again", shortened(plain.substr(offset, lexer.end_of_string(offset) - offset), 40)));
  std::string expected = "a value";
  if (what.starts_with("  Missing '}'")) expected = "a key in double quotes";
  if (what.starts_with("  Missing ':'")) expected = "':' after the key";
  if (what.starts_with("  Missing ',' or '}'")) expected = "',' or '}' to end the object";
  if (what.starts_with("  Missing ',' or ']'")) expected = "',' or ']' to end the array";
  if (what.starts_with("  Extra")) expected = "the end of the text after the value";
  std::string found = text.found(offset);
  if (offset >= plain.size() && lexer.unclosed() < plain.size())
    found += fmt::format("; the '{}' at {} is not closed", plain[lexer.unclosed()], text.place(lexer.unclosed()));
  text.fail(offset, expected, found);
}

std::string read_text_file(const std::string& path, size_t max_bytes) try {
  return RegularFile(path).read_all(max_bytes);
} catch (const FileError& error) {
  throw Error(Exit::usage, fmt::format("{}: {}", path, error.what()));
}

}  // namespace

Json parse_json(std::string_view bytes, const std::string& source, const std::string& layer, const JsonLimits& limits) {
  if (bytes.starts_with("\xef\xbb\xbf")) bytes.remove_prefix(3);  // some editors put one; it says nothing
  if (bytes.size() > limits.max_bytes)
    throw Error(Exit::usage,
                fmt::format("{}: expected at most {} bytes, found {}", source, limits.max_bytes, bytes.size()));
  const Text text(bytes, source);
  const auto byte = [&](size_t at) { return fmt::format("the byte 0x{:02x}", static_cast<unsigned char>(bytes[at])); };
  if (const size_t bad = find_bad_utf8(bytes); bad < bytes.size()) text.fail(bad, "UTF-8", byte(bad));
  if (const size_t nul = bytes.find('\0'); nul < bytes.size()) text.fail(nul, "text without NUL", byte(nul));
  Lexer lexer(text, limits);
  const std::string plain = lexer.run();
  ::Json::CharReaderBuilder builder;
  ::Json::CharReaderBuilder::strictMode(&builder.settings_);
  builder["strictRoot"] = false;
  builder["collectComments"] = false;
  builder["stackLimit"] = limits.max_depth + 2;
  const std::unique_ptr<::Json::CharReader> reader(builder.newCharReader());
  ::Json::Value root;
  std::string problems;
  if (!reader->parse(plain.data(), plain.data() + plain.size(), &root, &problems)) refuse(text, plain, lexer, problems);
  return Converter(text, limits, source, layer).convert(root);
}

Json read_json_file(const std::string& path, const std::string& layer, const JsonLimits& limits) {
  return parse_json(read_text_file(path, limits.max_bytes), path, layer, limits);
}

}  // namespace selfsup
