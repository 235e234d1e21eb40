#include "launch/variables.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>

#include "base/errors.h"

namespace selfsup::launch {

std::optional<int> whole_number(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size() && text.front() != '-';
  if (!whole || value > std::numeric_limits<int>::max()) return std::nullopt;
  return static_cast<int>(value);
}

const std::string* Variables::find(const char* name) const {
  const auto found = environment_.find(name);
  return found == environment_.end() || found->second.empty() ? nullptr : &found->second;
}

std::string Variables::text(const char* name, const std::string& otherwise) const {
  const std::string* found = find(name);
  return found ? *found : otherwise;
}

std::optional<Number> Variables::number(const char* name) const {
  const std::string* found = find(name);
  if (!found) return std::nullopt;
  const auto value = whole_number(*found);
  if (!value) refuse(fmt::format("{} is \"{}\", expected a whole number from 0 to 2147483647", name, *found));
  return Number{*value, name};
}

Number Variables::number_beside(const char* name, const char* beside) const {
  if (auto value = number(name)) return *value;
  refuse(fmt::format("{} is set and {} is not", beside, name));
}

void Variables::refuse(const std::string& what) const {
  throw Error(Exit::usage, remedy_.empty() ? what : what + "; " + remedy_);
}

}  // namespace selfsup::launch
