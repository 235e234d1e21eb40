// SPDX-License-Identifier: Apache-2.0
// Writes JSON text, for run-level defaults: json::object({{"lr", 2e-3}, {"betas", json::array({0.9, 0.95})}}).
#pragma once
#include <charconv>
#include <cmath>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "ssp/cpp/error.hpp"

namespace ssp {
inline namespace v0 {
namespace json {

// The text of one value.
class Value {
 public:
  Value(const char* s) : text_(quoted(s)) {}
  Value(const std::string& s) : text_(quoted(s)) {}
  template <class N, std::enable_if_t<std::is_arithmetic_v<N>, int> = 0>
  Value(N n) : text_(number(n)) {}
  static Value raw(std::string text) {
    Value v(0);
    v.text_ = std::move(text);
    return v;
  }
  const std::string& text() const { return text_; }

 private:
  static std::string quoted(std::string_view s) {
    static const char* hex = "0123456789abcdef";
    std::string out = "\"";
    for (const char c : s) {
      if (c == '"' || c == '\\') {
        out += '\\';
        out += c;
      } else if (static_cast<unsigned char>(c) < 0x20) {
        out += "\\u00";
        out += hex[c >> 4];
        out += hex[c & 15];
      } else {
        out += c;
      }
    }
    return out + '"';
  }
  template <class N>
  static std::string number(N n) {
    if constexpr (std::is_same_v<N, bool>) return n ? "true" : "false";
    if constexpr (std::is_floating_point_v<N>)
      if (!std::isfinite(n)) throw Error(SSP_E_PLUGIN, "JSON has no number for infinity or NaN");
    char buffer[40];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, +n).ptr;  // shortest that reads back the same
    std::string text(buffer, end);
    if (std::is_floating_point_v<N> && text.find_first_of(".e") == std::string::npos) text += ".0";  // stays a real one
    return text;
  }
  std::string text_;
};

struct Member {
  const char* key;
  Value value;
};

template <class Values>
Value array_of(const Values& values) {
  std::string out = "[";
  for (const Value& v : values) {
    if (out.size() > 1) out += ", ";
    out += v.text();
  }
  return Value::raw(out + "]");
}

inline Value array(std::initializer_list<Value> values) { return array_of(values); }
inline Value array(const std::vector<Value>& values) { return array_of(values); }

inline Value object(std::initializer_list<Member> members) {
  std::string out = "{";
  for (const Member& m : members) {
    if (out.size() > 1) out += ", ";
    out += Value(m.key).text() + ": " + m.value.text();
  }
  return Value::raw(out + "}");
}

}  // namespace json
}  // namespace v0
}  // namespace ssp
