// The nearest of some names to one that was mistyped, for "did you mean". Knows nobody.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace selfsup {

// Edits (insert, delete, replace, swap of neighbours; case counts half) that turn a into b, doubled so that they stay
// whole numbers.
int edit_distance(std::string_view a, std::string_view b);

// What another name for one of the candidates means ("gpu": cuda), else the candidate with the fewest edits, among
// equals one that begins or else ends alike; empty if even that one needs more than about a third of the word.
std::string nearest_name(std::string_view word, const std::vector<std::string>& candidates);

// "; did you mean 'x'?" or nothing.
std::string suggestion(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace selfsup
