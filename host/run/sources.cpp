#include "run/sources.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace selfsup::run {
namespace {

using Line = std::pair<std::string, std::string>;

void collect(const Json& value, const std::string& path, std::vector<Line>& lines) {
  if (value.is_object() && !value.as_object().empty()) {
    for (const auto& [key, member] : value.as_object()) collect(member, path.empty() ? key : path + "." + key, lines);
    return;
  }
  if (value.is_array() &&
      std::any_of(value.as_array().begin(), value.as_array().end(), [](const Json& e) { return e.is_object(); })) {
    size_t index = 0;
    for (const Json& element : value.as_array()) collect(element, fmt::format("{}.{}", path, index++), lines);
    return;
  }
  const bool layered = value.source.layer() == "plugin" || value.source.layer() == "base";
  lines.emplace_back(
      fmt::format("{} = {}", path, to_text(value)),
      layered ? fmt::format("{} {}", value.source.layer(), describe(value.source)) : describe(value.source));
}

}  // namespace

std::string sources_text(const Json& config) {
  std::vector<Line> lines;
  collect(config, "", lines);
  size_t width = 0;
  for (const Line& line : lines) width = std::max(width, std::min<size_t>(line.first.size(), 72));
  std::string text;
  for (const Line& line : lines)
    text += fmt::format("{}{:<{}}  ({})", text.empty() ? "" : "\n", line.first, width, line.second);
  return text;
}

}  // namespace selfsup::run
