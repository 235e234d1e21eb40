#include "config/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>

#include "base/errors.h"
#include "base/text.h"
#include "base/utf8.h"
#include "config/files.h"
#include "config/layers.h"

namespace selfsup::config {
namespace {

constexpr size_t kShownBytes = 100;  // of an option

std::string_view trim(std::string_view s) {
  while (!s.empty() && std::isspace(static_cast<unsigned char>(s.front()))) s.remove_prefix(1);
  while (!s.empty() && std::isspace(static_cast<unsigned char>(s.back()))) s.remove_suffix(1);
  return s;
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

// Whether a quote after `before`, the element so far, opens a string: "it's" is one word.
bool begins_element(std::string_view before) {
  before = trim(before);
  return before.empty() || std::string_view("[({:,").find(before.back()) != std::string_view::npos;
}

// Splits at commas outside brackets and quotes. Error(usage) when they do not balance.
std::vector<std::string_view> split_at_commas(std::string_view text, const std::string& source) {
  std::vector<std::string_view> parts;
  std::string open;
  char quote = 0;
  size_t start = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote) {
      if (c == '\\' && quote == '"') ++i;
      if (c == quote) quote = 0;
    } else if ((c == '"' || c == '\'') && begins_element(text.substr(start, i - start))) {
      quote = c;
    } else if (c == '[' || c == '(' || c == '{') {
      open += c == '[' ? ']' : c == '(' ? ')' : '}';
    } else if (c == ']' || c == ')' || c == '}') {
      if (open.empty() || open.back() != c)
        throw Error(Exit::usage,
                    fmt::format("{}: '{}' does not balance in \"{}\"", source, c, shortened(text, kShownBytes)));
      open.pop_back();
    } else if (c == ',' && open.empty()) {
      parts.push_back(text.substr(start, i - start));
      start = i + 1;
    }
  }
  if (quote)
    throw Error(Exit::usage, fmt::format("{}: a quote is not closed in \"{}\"", source, shortened(text, kShownBytes)));
  if (!open.empty())
    throw Error(Exit::usage,
                fmt::format("{}: '{}' is missing in \"{}\"", source, open.back(), shortened(text, kShownBytes)));
  parts.push_back(text.substr(start));
  return parts;
}

// Python's int(): a sign, digits, single underscores between digits. Python's float() likewise.
std::optional<Json> number(std::string_view text) {
  std::string digits;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      digits += text[i];
      continue;
    }
    const auto is_digit = [&](size_t k) {
      return k < text.size() && std::isdigit(static_cast<unsigned char>(text[k]));
    };
    if (i == 0 || !is_digit(i - 1) || !is_digit(i + 1)) return std::nullopt;
  }
  std::string_view s = digits;
  if (s.starts_with("+-")) return std::nullopt;
  if (s.starts_with('+')) s.remove_prefix(1);
  if (s.empty() || !(std::isdigit(static_cast<unsigned char>(s.front())) || s.front() == '-' || s.front() == '.'))
    return std::nullopt;
  int64_t whole = 0;
  auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), whole);
  if (error == std::errc() && end == s.data() + s.size()) return Json(whole);
  double real = 0;
  auto [real_end, real_error] = std::from_chars(s.data(), s.data() + s.size(), real);
  if (real_error == std::errc() && real_end == s.data() + s.size() && real == real && real - real == 0)
    return Json(real);
  return std::nullopt;
}

Json value_of(std::string_view text, const std::string& source, int depth);

Json list_of(std::string_view inside, const std::string& source, int depth) {
  if (depth >= kLimits.max_depth)
    throw Error(Exit::usage,
                fmt::format("{}: expected at most {} lists within one another, found more", source, kLimits.max_depth));
  Json list = Json::array();
  if (trim(inside).empty()) return list;
  std::vector<std::string_view> parts = split_at_commas(inside, source);
  if (trim(parts.back()).empty()) parts.pop_back();  // (1,) is a list of one
  for (std::string_view part : parts) list.as_array().push_back(value_of(part, source, depth + 1));
  return list;
}

Json value_of(std::string_view raw, const std::string& source, int depth) {
  const std::string_view text = trim(raw);
  if (text.empty()) return "";
  const char first = text.front(), last = text.back();
  if (split_at_commas(text, source).size() > 1) return list_of(text, source, depth);
  if (text.size() >= 2 && first == last && first == '\'') return text.substr(1, text.size() - 2);
  if (first == '{' || (text.size() >= 2 && first == last && first == '"'))
    return parse_json(text, source, "cfg-options", kLimits);
  if ((first == '[' && last == ']') || (first == '(' && last == ')'))
    return list_of(text.substr(1, text.size() - 2), source, depth);
  if (auto value = number(text)) return *value;
  if (equals_ignoring_case(text, "true")) return true;
  if (equals_ignoring_case(text, "false")) return false;
  if (text == "None") return nullptr;
  return text;
}

std::vector<std::string> path_parts(std::string_view dotted) {
  std::vector<std::string> parts(1);
  for (char c : dotted) {
    if (c == '.') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

std::optional<size_t> as_index(const std::string& part) {
  size_t index = 0;
  auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), index);
  if (error != std::errc() || end != part.data() + part.size()) return std::nullopt;
  return index;
}

// What keeps a value from being set there; empty: nothing.
std::string fault_of_place(const Json& tree, const std::vector<std::string>& parts) {
  const Json* at = &tree;  // null: what will be made
  for (const std::string& part : parts) {
    const auto index = as_index(part);
    const std::string name = shortened(part, kShownBytes);
    if (at && at->is_array()) {
      const Json::Array& list = at->as_array();
      if (!index || *index >= list.size())
        return fmt::format("the list there has {} elements; '{}' is none of them (they count from 0)", list.size(),
                           name);
      at = &list[*index];
    } else if (!at || at->is_null()) {
      if (index) return fmt::format("there is no list there of which {} could be an element; set the whole list", name);
      at = nullptr;
    } else if (!at->is_object()) {
      return fmt::format("'{}' would have to be inside {}, which is no object or list", name,
                         shortened(to_text(*at), kShownBytes));
    } else {
      at = at->find(part);
    }
  }
  return {};
}

// The object or list below `at` that `part` names, where nothing is wrong with the place.
Json& descend(Json& at, const std::string& part, const Source& source) {
  if (at.is_array()) return at.as_array()[*as_index(part)];
  if (at.is_null()) {
    at = Json::object();
    at.source = source;
  }
  if (Json* member = at.find(part)) return *member;
  Json& made = at.set(part, Json());
  made.source = source;
  return made;
}

// What lower layers put beside a type that now changes.
void drop_siblings(Json& object, const Json& type, const std::string& layer) {
  const Json* before = object.find("type");
  if (!before || !before->is_string() || !type.is_string() || same_family(before->as_string(), type.as_string()))
    return;
  auto& members = object.as_object();
  members.erase(std::remove_if(members.begin(), members.end(),
                               [&](const auto& member) { return member.second.source.layer() != layer; }),
                members.end());
}

void set(Json& tree, std::string_view dotted, Json value, const Source& source, bool lenient) {
  const std::string key = shortened(dotted, kShownBytes);
  const std::vector<std::string> parts = path_parts(dotted);
  if (std::any_of(parts.begin(), parts.end(), [](const std::string& p) { return p.empty(); }))
    throw Error(Exit::usage, fmt::format("{}: \"{}\" is no key: a part between dots is empty", describe(source), key));
  if (parts.size() > static_cast<size_t>(kLimits.max_depth))
    throw Error(Exit::usage, fmt::format("{}: {}: expected at most {} parts between dots, found {}", describe(source),
                                         key, kLimits.max_depth, parts.size()));
  if (const std::string fault = fault_of_place(tree, parts); !fault.empty()) {
    if (lenient) return;  // it will be judged when all layers are there
    throw Error(Exit::usage, fmt::format("{}: {}: {}", describe(source), key, fault));
  }
  Json* at = &tree;
  for (size_t i = 0; i + 1 < parts.size(); ++i) at = &descend(*at, parts[i], source);
  if (parts.back() == "type" && at->is_object()) drop_siblings(*at, value, source.layer());
  set_source(value, source);
  Json& place = descend(*at, parts.back(), source);
  place = value.is_object() ? merge(std::move(place), value, key) : std::move(value);
}

}  // namespace

Json parse_option_value(std::string_view text, const std::string& source) { return value_of(text, source, 0); }

bool is_option(std::string_view word) {
  const size_t equals = word.find('=');
  if (equals == std::string_view::npos || equals == 0) return false;
  return std::all_of(word.begin(), word.begin() + static_cast<std::ptrdiff_t>(equals),
                     [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '.' || c == '-'; }) &&
         word.front() != '-';
}

void set_by_path(Json& tree, std::string_view dotted, Json value, const Source& source) {
  set(tree, dotted, std::move(value), source, /*lenient=*/false);
}

void apply_options(Json& tree, const std::vector<std::string>& options, bool lenient) {
  for (const std::string& option : options) {
    const size_t equals = option.find('=');
    if (!is_option(option))
      throw Error(Exit::usage, fmt::format("--cfg-options takes KEY=VALUE, as in train_cfg.max_epochs=3; found \"{}\"",
                                           shortened(option, kShownBytes)));
    const std::string key = option.substr(0, equals);
    if (!valid_utf8(option))
      throw Error(Exit::usage, fmt::format("--cfg-options {}: expected UTF-8", shortened(key, kShownBytes)));
    const Source source("cfg-options", "--cfg-options " + shortened(option, kShownBytes));
    set(tree, key, parse_option_value(std::string_view(option).substr(equals + 1), source.name()), source, lenient);
  }
}

}  // namespace selfsup::config
