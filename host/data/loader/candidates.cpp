#include "data/loader/candidates.h"

#include <algorithm>

#include "base/random.h"

namespace selfsup::data {

std::optional<int64_t> Candidates::next() {
  const auto is_new = [&](int64_t index) { return std::ranges::find(tried_, index) == tried_.end(); };
  if (tried_.empty()) {
    tried_.push_back(wanted_);
    return wanted_;
  }
  while (drawn_ < kDrawn) {
    KeyedRandom random(hash_key(seed_, hash_name("substitute"), epoch_, wanted_, static_cast<int>(++drawn_)));
    last_ = static_cast<int64_t>(random.below(static_cast<uint64_t>(size_)));
    if (!is_new(last_)) continue;
    tried_.push_back(last_);
    return last_;
  }
  while (walked_++ < size_) {
    last_ = (last_ + 1) % size_;
    if (is_new(last_)) return last_;
  }
  return std::nullopt;
}

}  // namespace selfsup::data
