#include "data/loader/met_bad.h"

#include <algorithm>

namespace selfsup::data {

BadReason Hopeless::find(int64_t index) const {
  const std::lock_guard lock(mutex_);
  const auto found = reasons_.find(index);
  return found == reasons_.end() ? nullptr : found->second;
}

void Hopeless::add(int64_t index, const BadReason& reason) {
  const std::lock_guard lock(mutex_);
  reasons_.emplace(index, reason);
}

void MetBad::add(int64_t place, int64_t tried, int64_t index, const BadReason& reason) {
  const std::lock_guard lock(mutex_);
  const First first{{place, tried}, reason};
  const auto [known, is_new] = met_.emplace(index, first);
  if (!is_new && first.at < known->second.at) known->second = first;
}

std::vector<MetBad::Bad> MetBad::in_order(int64_t last_place) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<std::pair<int64_t, int64_t>, Bad>> all;
  for (const auto& [index, first] : met_)
    if (first.at.first <= last_place) all.push_back({first.at, {index, first.reason}});
  std::ranges::sort(all, {}, [](const auto& one) { return one.first; });
  std::vector<Bad> bad;
  for (auto& [at, one] : all) bad.push_back(std::move(one));
  return bad;
}

}  // namespace selfsup::data
