// Standard output, which is for data. Knows errors.
#pragma once
#include <string_view>

namespace selfsup {

// Writes the text and hands it on; Error(storage) if not all of it gets there.
void print_out(std::string_view text);

}  // namespace selfsup
