#include "launch/hosts.h"

#include <algorithm>
#include <cctype>

#include "launch/variables.h"

namespace selfsup::launch {

std::optional<std::string> first_host(std::string_view list) {
  std::string host;
  while (!list.empty() && list.front() != ',') {
    if (list.front() == ']') return std::nullopt;
    if (list.front() != '[') {
      host += list.front();
      list.remove_prefix(1);
      continue;
    }
    const size_t close = list.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    const std::string_view ranges = list.substr(1, close - 1);
    const std::string_view first = ranges.substr(0, ranges.find_first_of(",-"));
    const auto is_digit = [](unsigned char c) { return std::isdigit(c) != 0; };
    if (first.empty() || !std::all_of(first.begin(), first.end(), is_digit)) return std::nullopt;
    host += first;
    list.remove_prefix(close + 1);
  }
  if (host.empty()) return std::nullopt;
  return host;
}

std::optional<std::vector<int>> tasks_of_nodes(std::string_view list) {
  constexpr size_t limit = 1'000'000;
  std::vector<int> tasks;
  for (bool more = true; more;) {
    const size_t comma = list.find(',');
    more = comma != std::string_view::npos;
    std::string_view part = list.substr(0, comma);
    list.remove_prefix(more ? comma + 1 : list.size());
    int repeated = 1;
    if (const size_t open = part.find("(x"); open != std::string_view::npos) {
      if (part.back() != ')') return std::nullopt;
      const auto times = whole_number(part.substr(open + 2, part.size() - open - 3));
      if (!times || *times < 1) return std::nullopt;
      repeated = *times;
      part = part.substr(0, open);
    }
    const auto count = whole_number(part);
    if (!count || *count < 1 || tasks.size() + static_cast<size_t>(repeated) > limit) return std::nullopt;
    tasks.insert(tasks.end(), static_cast<size_t>(repeated), *count);
  }
  return tasks;
}

}  // namespace selfsup::launch
