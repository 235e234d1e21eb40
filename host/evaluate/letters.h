// The letters of captions: ASCII, one size, grey. Knows no picture.
#pragma once
#include <string_view>

namespace selfsup::evaluate {

inline constexpr int letter_height = 18;

// Digits, row by row from the top: how much of each pixel the letter covers, 9: all of it. Its width is their number
// divided by the height. Of a character that is not ASCII: a box.
std::string_view letter_of(char c);

}  // namespace selfsup::evaluate
