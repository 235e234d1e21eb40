// Which images of a set are looked at where there is no time for all. Knows no images.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

namespace selfsup::data {

inline constexpr int64_t kSpreadSample = 1000;

// At most `most` indices, evenly over the set: all of a smaller one.
inline std::vector<int64_t> spread_over(int64_t size, int64_t most = kSpreadSample) {
  const int64_t count = std::min(size, most);
  std::vector<int64_t> chosen;
  for (int64_t i = 0; i < count; ++i) chosen.push_back(i * size / count);
  return chosen;
}

}  // namespace selfsup::data
