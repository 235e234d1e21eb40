#include "config/nearest.h"

#include <algorithm>
#include <climits>

namespace selfsup::config {

int edit_distance(std::string_view a, std::string_view b) {
  std::vector<int> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) above[j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return above[b.size()];
}

std::optional<std::string> nearest(std::string_view name, const std::vector<std::string>& candidates) {
  const int limit = std::max(1, static_cast<int>(name.size()) / 3);
  int best = INT_MAX;
  const std::string* found = nullptr;
  for (const std::string& candidate : candidates) {
    const int distance = edit_distance(name, candidate);
    const bool same_start = !name.empty() && !candidate.empty() && name.front() == candidate.front();
    const int rank = 2 * distance + !same_start;
    if (distance <= limit && rank < best) best = rank, found = &candidate;
  }
  if (!found) return std::nullopt;
  return *found;
}

std::string suggestion(std::string_view name, const std::vector<std::string>& candidates) {
  const auto found = nearest(name, candidates);
  return found ? "; did you mean '" + *found + "'?" : "";
}

}  // namespace selfsup::config
