// Ranks in words, and the lines of a text. Knows no group.
#pragma once
#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace selfsup::distributed {

// In ascending order: "rank 3", "ranks 1, 3-7".
inline std::string rank_text(const std::vector<int>& ranks) {
  std::string out = ranks.size() == 1 ? "rank " : "ranks ";
  for (size_t i = 0; i < ranks.size(); ++i) {
    size_t last = i;
    while (last + 1 < ranks.size() && ranks[last + 1] == ranks[last] + 1) ++last;
    if (i > 0) out += ", ";
    out += std::to_string(ranks[i]);
    if (last > i) out += (last == i + 1 ? ", " : "-") + std::to_string(ranks[last]);
    i = last;
  }
  return out;
}

// Without their ends; an empty text has one, and so has what follows the last end.
inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

// Of LibTorch's texts, which go on with where in its source they come from.
inline std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace selfsup::distributed
