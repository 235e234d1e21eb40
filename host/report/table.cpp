#include "report/table.h"

#include <algorithm>

#include "base/utf8.h"

namespace selfsup::report {
std::string table_text(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()), 0);
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], utf8_characters(row[i]));
  }
  std::string out;
  const auto line = [&](const auto& cell) {
    if (!out.empty()) out += '\n';
    std::string text;
    for (size_t i = 0; i < widths.size(); ++i) {
      const std::string value = cell(i);
      const std::string fill(widths[i] - utf8_characters(value), ' ');
      text += i == 0 ? value + fill : "  " + fill + value;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text;
  };
  for (size_t r = 0; r < rows.size(); ++r) {
    line([&](size_t i) { return i < rows[r].size() ? rows[r][i] : std::string(); });
    if (r == 0) line([&](size_t i) { return std::string(widths[i], '-'); });
  }
  return out;
}

}  // namespace selfsup::report
