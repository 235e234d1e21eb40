#include "data/loader/bad_report.h"

#include <fmt/format.h>

#include <algorithm>

namespace selfsup::data {

int64_t allowed_bad(double max_bad_fraction, int64_t size) {
  constexpr int64_t kLeast = 3;
  if (!(max_bad_fraction > 0)) return 0;
  constexpr double kRounding = 1e-9;  // 0.29 of 100 is 28.999999999999996 in binary
  const double share = std::min(max_bad_fraction, 1.0) * static_cast<double>(size) * (1 + kRounding);
  const int64_t whole = std::min(static_cast<int64_t>(share), size);
  return std::max(whole, std::min(kLeast, size / 2));
}

Error BadReport::error() const {
  constexpr size_t kNamed = 5;
  std::string text =
      fmt::format("{} of {} images could not be used; max_bad_fraction {} allows {}. The first of them:", files.size(),
                  size, max_bad_fraction, allowed);
  for (size_t i = 0; i < std::min(files.size(), kNamed); ++i)
    text += fmt::format("\n  {}: {}", files[i].path, files[i].reason);
  return Error(Exit::data, text + "\nselfsup-host validate --scan CONFIG lists them all");
}

}  // namespace selfsup::data
