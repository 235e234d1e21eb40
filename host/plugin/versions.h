// Versions in dotted numbers, as of libraries. Knows nobody.
#pragma once
#include <cstdlib>
#include <string>

namespace selfsup::plugin {

// "2.36" before "2.4"? By numbers: no.
inline bool version_less(const std::string& a, const std::string& b) {
  const char *p = a.c_str(), *q = b.c_str();
  while (*p || *q) {
    char *p_end, *q_end;
    const unsigned long x = std::strtoul(p, &p_end, 10), y = std::strtoul(q, &q_end, 10);
    if (x != y) return x < y;
    if (p_end == p && q_end == q) return false;
    p = *p_end == '.' ? p_end + 1 : p_end;
    q = *q_end == '.' ? q_end + 1 : q_end;
  }
  return false;
}

}  // namespace selfsup::plugin
