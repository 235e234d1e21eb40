// Owns the small bitmap font of the pictures: printable ASCII, 5 wide, 7 high, and two rows below the line.
#pragma once
#include <string_view>

namespace selfsup::evaluate {

constexpr int glyph_width = 5, glyph_height = 9, glyph_advance = 6;

// Whether the glyph has ink at column x (0 to 4), row y (0 to 8). Control characters are blank, bytes beyond ASCII "?".
bool glyph_ink(char c, int x, int y);

}  // namespace selfsup::evaluate
