// Owns small aligned tables of text for results. Knows nobody.
#pragma once
#include <string>
#include <vector>

namespace selfsup::report {

// The first row is the header, underlined with dashes. Columns are two spaces apart; the first is left-aligned, the
// others right-aligned; short rows are filled up. Width counts UTF-8 code points. Ends without a newline.
std::string table_text(const std::vector<std::vector<std::string>>& rows);

}  // namespace selfsup::report
