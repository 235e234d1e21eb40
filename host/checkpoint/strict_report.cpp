#include "checkpoint/strict_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <unordered_map>

namespace selfsup::checkpoint {
namespace {

std::string describe(const TensorSpec& t) { return fmt::format("{}[{}]", t.dtype, fmt::join(t.shape, ", ")); }

}  // namespace

StrictReport compare(const std::vector<TensorSpec>& wanted, const std::vector<TensorSpec>& found, bool check_dtype) {
  StrictReport report;
  std::unordered_map<std::string_view, const TensorSpec*> rest;
  for (const TensorSpec& t : found) rest.emplace(t.name, &t);
  for (const TensorSpec& want : wanted) {
    const auto at = rest.find(want.name);
    if (at == rest.end()) {
      report.missing.push_back(want.name);
      continue;
    }
    const TensorSpec& have = *at->second;
    rest.erase(at);
    if (have.shape != want.shape || (check_dtype && have.dtype != want.dtype)) {
      report.mismatched.push_back({want, have});
    } else {
      report.matched.push_back(want.name);
    }
  }
  for (const TensorSpec& t : found) {
    if (rest.count(t.name)) report.unexpected.push_back(t.name);
  }
  return report;
}

std::string StrictReport::text(size_t limit) const {
  std::string out = fmt::format("{} tensors match, {} are missing, {} are unexpected, {} have another shape or type",
                                matched.size(), missing.size(), unexpected.size(), mismatched.size());
  const auto list = [&](std::string_view title, size_t count, const auto& line) {
    for (size_t i = 0; i < std::min(count, limit); ++i) out += fmt::format("\n  {}: {}", title, line(i));
    if (count > limit) out += fmt::format("\n  {}: … and {} more", title, count - limit);
  };
  list("missing", missing.size(), [&](size_t i) { return missing[i]; });
  list("unexpected", unexpected.size(), [&](size_t i) { return unexpected[i]; });
  list("different", mismatched.size(), [&](size_t i) {
    const Mismatch& m = mismatched[i];
    return fmt::format("{}: wanted {}, the file has {}", m.wanted.name, describe(m.wanted), describe(m.found));
  });
  return out;
}

}  // namespace selfsup::checkpoint
