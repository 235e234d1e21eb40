#include "base/json_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <utility>

#include "base/errors.h"
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

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

class Checker {
 public:
  Checker(std::string_view text, const std::string& source, const JsonLimits& limits)
      : text_(text), source_(source), limits_(limits) {}

  std::vector<CommentRange> run() {
    skip_space();
    value(0, "a value");
    skip_space();
    if (at_ < text_.size()) fail(at_, "the end of the text after the value", found(at_));
    return std::move(comments_);
  }

 private:
  [[noreturn]] void fail(size_t offset, std::string_view expected, std::string_view found) const {
    TextPosition position(text_);
    position.move_to(offset);
    throw Error(Exit::usage, fmt::format("{}:{}:{}: expected {}, found {}", source_, position.line(), position.column(),
                                         expected, found));
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
    return fmt::format("'{}'", text_.substr(offset, utf8_length(text_.substr(offset))));
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  void skip_space() {
    for (;;) {
      while (at_ < text_.size() &&
             (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r'))
        ++at_;
      if (!limits_.comments || peek() != '/') return;
      const size_t begin = at_;
      const char kind = begin + 1 < text_.size() ? text_[begin + 1] : '\0';
      if (kind == '/') {
        at_ = std::min(text_.find('\n', begin), text_.size());
      } else if (kind == '*') {
        const size_t close = text_.find("*/", begin + 2);
        if (close == std::string_view::npos)
          fail(begin, "'*/' to end the comment that begins here", "the end of the text");
        at_ = close + 2;
      } else {
        fail(begin, "'//' or '/*'", "'/' alone");
      }
      comments_.push_back({begin, at_});
    }
  }

  void value(int depth, std::string_view expected) {
    const char c = peek();
    if (c == '{' || c == '[') {
      if (depth >= limits_.max_depth)
        fail(at_, fmt::format("at most {} levels of nesting", limits_.max_depth), "a deeper one");
      return c == '{' ? object(depth) : array(depth);
    }
    if (c == '"') return string(nullptr);
    if (is_digit(c) || c == '-') return number();
    if (c == '+') fail(at_, "a number without '+'", "'+'");
    if (c == '.') fail(at_, "a digit before the decimal point", "'.'");
    for (std::string_view word : {"true", "false", "null"}) {
      if (text_.substr(at_, word.size()) != word) continue;
      const size_t end = at_ + word.size();
      if (end < text_.size() && is_word(text_[end])) break;
      at_ = end;
      return;
    }
    fail(at_, expected, found(at_));
  }

  void object(int depth) {
    std::vector<std::pair<std::string, size_t>> keys;
    const size_t begin = at_++;
    skip_space();
    if (peek() == '}') {
      ++at_;
      return;
    }
    for (;;) {
      if (peek() != '"')
        fail(at_, keys.empty() ? "a key in double quotes or '}'" : "a key in double quotes after ','", found(at_));
      std::string& key = keys.emplace_back(std::string(), at_).first;
      string(&key);
      if (key.size() > limits_.max_key_bytes)
        fail(keys.back().second, fmt::format("a key of at most {} bytes", limits_.max_key_bytes),
             fmt::format("one of {}, \"{}\"", key.size(), shortened(key, 40)));
      if (keys.size() > limits_.max_members)
        fail(keys.back().second, fmt::format("at most {} keys in an object", limits_.max_members), "more");
      skip_space();
      if (peek() != ':') fail(at_, fmt::format("':' after the key \"{}\"", key), found(at_));
      ++at_;
      skip_space();
      value(depth + 1, "a value");
      skip_space();
      if (peek() == '}') break;
      if (peek() != ',') fail(at_, "',' or '}' to end the object" + opened_at(begin), found(at_));
      ++at_;
      skip_space();
    }
    ++at_;
    refuse_duplicates(keys);
  }

  void refuse_duplicates(std::vector<std::pair<std::string, size_t>>& keys) const {
    std::sort(keys.begin(), keys.end());
    for (size_t i = 1; i < keys.size(); ++i)
      if (keys[i].first == keys[i - 1].first)
        fail(keys[i].second, "each key once",
             fmt::format("\"{}\" again{}", keys[i].first, opened_at(keys[i - 1].second)));
  }

  // Where an earlier thing stands.
  std::string opened_at(size_t offset) const {
    TextPosition position(text_);
    position.move_to(offset);
    return fmt::format(" (first at {}:{})", position.line(), position.column());
  }

  void array(int depth) {
    const size_t begin = at_++;
    skip_space();
    if (peek() == ']') {
      ++at_;
      return;
    }
    for (bool first = true;; first = false) {
      value(depth + 1, first ? "a value or ']'" : "a value after ','");
      skip_space();
      if (peek() == ']') break;
      if (peek() != ',') fail(at_, "',' or ']' to end the array" + opened_at(begin), found(at_));
      ++at_;
      skip_space();
    }
    ++at_;
  }

  uint32_t hex4() {
    uint32_t code = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const int digit = hex_value(peek());
      if (digit < 0) fail(at_, "four hexadecimal digits after '\\u'", found(at_));
      code = code * 16 + static_cast<uint32_t>(digit);
    }
    return code;
  }

  void escape(std::string* out) {
    const size_t begin = at_++;
    const char c = peek();
    static constexpr std::string_view names = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
    if (const size_t i = at_ < text_.size() ? names.find(c) : std::string_view::npos; i != std::string_view::npos) {
      ++at_;
      if (out) *out += meanings[i];
      return;
    }
    if (c != 'u')
      fail(begin, "one of the escapes \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u", "a '\\' before " + found(at_));
    ++at_;
    uint32_t code = hex4();
    if (code == 0) fail(begin, "text without NUL", "\\u0000");
    if (code >= 0xd800 && code < 0xdc00 && text_.substr(at_, 2) == "\\u") {
      at_ += 2;
      const uint32_t low = hex4();
      if (low < 0xdc00 || low > 0xdfff) fail(begin, "a pair of surrogates", "half of one");
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code >= 0xd800 && code <= 0xdfff) {
      fail(begin, "a pair of surrogates", "half of one");
    }
    if (out) append_utf8(*out, code);
  }

  void string(std::string* out) {
    const size_t begin = at_++;
    for (;;) {
      const size_t run = at_;
      while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\\' &&
             static_cast<unsigned char>(text_[at_]) >= 0x20)
        ++at_;
      if (out) out->append(text_, run, at_ - run);
      if (at_ >= text_.size() || peek() == '\n' || peek() == '\r')
        fail(begin, "'\"' to end the string that begins here", found(at_));
      if (peek() == '"') break;
      if (peek() != '\\') fail(at_, "an escape such as \\t in a string", found(at_));
      escape(out);
    }
    ++at_;
  }

  void digits(std::string_view after) {
    if (!is_digit(peek())) fail(at_, fmt::format("a digit after {}", after), found(at_));
    while (is_digit(peek())) ++at_;
  }

  void number() {
    const size_t begin = at_;
    bool real = false;
    if (peek() == '-') ++at_;
    if (peek() == '0' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1]))
      fail(begin, "a number without leading zeros", found(at_));
    digits("'-'");
    if (peek() == '.') {
      real = true;
      ++at_;
      digits("the decimal point");
    }
    if (peek() == 'e' || peek() == 'E') {
      real = true;
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      digits("the exponent's 'e'");
    }
    if (is_word(peek()) || peek() == '.') fail(begin, "a number", number_text(begin, at_ + 1));
    if (real)
      check_real(begin);
    else
      check_integer(begin);
  }

  std::string number_text(size_t begin, size_t end) const { return shortened(text_.substr(begin, end - begin), 40); }

  void check_integer(size_t begin) const {
    int64_t parsed = 0;
    if (std::from_chars(text_.data() + begin, text_.data() + at_, parsed).ec != std::errc())
      fail(begin, "an integer of 64 bits (-9223372036854775808 to 9223372036854775807)", number_text(begin, at_));
  }

  void check_real(size_t begin) const {
    double parsed = 0;
    const std::errc failure = std::from_chars(text_.data() + begin, text_.data() + at_, parsed).ec;
    const std::string_view mantissa = text_.substr(begin, text_.substr(begin, at_ - begin).find_first_of("eE"));
    const bool lost =
        parsed == 0 && mantissa.substr(0, at_ - begin).find_first_of("123456789") != std::string_view::npos;
    if (failure != std::errc() || !std::isfinite(parsed) || lost)
      fail(begin, "a number that a double can hold", number_text(begin, at_));
  }

  std::string_view text_;
  const std::string& source_;
  const JsonLimits& limits_;
  size_t at_ = 0;
  std::vector<CommentRange> comments_;
};

}  // namespace

std::vector<CommentRange> check_json(std::string_view text, const std::string& source, const JsonLimits& limits) {
  if (text.size() > limits.max_bytes)
    throw Error(Exit::usage,
                fmt::format("{}: expected at most {} bytes, found {}", source, limits.max_bytes, text.size()));
  const auto refuse_byte = [&](size_t offset, const char* expected) {
    TextPosition position(text);
    position.move_to(offset);
    throw Error(Exit::usage, fmt::format("{}:{}:{}: expected {}, found the byte 0x{:02x}", source, position.line(),
                                         position.column(), expected, static_cast<unsigned char>(text[offset])));
  };
  if (const size_t bad = find_bad_utf8(text); bad != std::string_view::npos) refuse_byte(bad, "UTF-8");
  if (const size_t nul = text.find('\0'); nul != std::string_view::npos) refuse_byte(nul, "text without NUL");
  return Checker(text, source, limits).run();
}

}  // namespace selfsup
