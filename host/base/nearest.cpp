#include "base/nearest.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace selfsup {

namespace {
int replace_cost(char a, char b) {
  if (a == b) return 0;
  return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b)) ? 1 : 2;
}

// Names of one thing that no number of edits leads to.
constexpr std::pair<std::string_view, std::string_view> kSynonyms[] = {{"gpu", "cuda"}};

std::string synonym(std::string_view word, const std::vector<std::string>& candidates) {
  for (const auto& [said, meant] : kSynonyms)
    if (std::equal(word.begin(), word.end(), said.begin(), said.end(),
                   [](char a, char b) { return replace_cost(a, b) < 2; }) &&
        std::find(candidates.begin(), candidates.end(), meant) != candidates.end())
      return std::string(meant);
  return "";
}
}  // namespace

int edit_distance(std::string_view a, std::string_view b) {
  const size_t n = b.size();
  std::vector<int> before(n + 1), above(n + 1), row(n + 1);
  for (size_t j = 0; j <= n; ++j) above[j] = static_cast<int>(2 * j);
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = static_cast<int>(2 * i);
    for (size_t j = 1; j <= n; ++j) {
      row[j] = std::min({above[j] + 2, row[j - 1] + 2, above[j - 1] + replace_cost(a[i - 1], b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 2);
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return above[n];
}

std::string nearest_name(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best = synonym(word, candidates);
  if (!best.empty()) return best;
  const int limit = 2 * std::max<int>(2, static_cast<int>(word.size() + 2) / 3);
  int best_rank = 4 * (limit + 1);
  for (const std::string& candidate : candidates) {
    const auto longer =
        static_cast<int>(std::max(word.size(), candidate.size()) - std::min(word.size(), candidate.size()));
    if (2 * longer > limit) continue;
    const int edits = edit_distance(word, candidate);
    if (edits > limit || edits >= 2 * static_cast<int>(std::max(word.size(), candidate.size()))) continue;
    // People seldom mistype the first letter, and the last less than those in the middle.
    const bool same_start = !word.empty() && !candidate.empty() && word.front() == candidate.front();
    const bool same_end = !word.empty() && !candidate.empty() && word.back() == candidate.back();
    const int rank = 4 * edits + (same_start ? 0 : 2) + (same_end ? 0 : 1);
    if (rank < best_rank) {
      best = candidate;
      best_rank = rank;
    }
  }
  return best;
}

std::string suggestion(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string near = nearest_name(word, candidates);
  return near.empty() ? "" : "; did you mean '" + near + "'?";
}

}  // namespace selfsup
