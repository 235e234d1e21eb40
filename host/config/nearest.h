// The nearest of some names to one that was mistyped. Knows nobody.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace selfsup::config {

// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
int edit_distance(std::string_view a, std::string_view b);

// The candidate with the smallest distance, if it is near enough to be meant: at most a third of the length, at least
// one edit. Among equals the first whose first letter agrees, else the first.
std::optional<std::string> nearest(std::string_view name, const std::vector<std::string>& candidates);

// "; did you mean 'x'?" or nothing.
std::string suggestion(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace selfsup::config
