// Which images are tried for a place of a batch until one can be used. Knows no images.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

namespace selfsup::data {

// The wanted one, then some that are drawn from the whole set, a function of (seed, epoch, wanted), then all that are
// left, one after the other: one that can be used is found if there is any. None comes twice.
class Candidates {
 public:
  Candidates(uint64_t seed, uint64_t epoch, int64_t wanted, int64_t size)
      : seed_(seed), epoch_(epoch), wanted_(wanted), size_(size), last_(wanted) {}
  std::optional<int64_t> next();  // none: there are no more

  static constexpr int64_t kDrawn = 20;

 private:
  uint64_t seed_, epoch_;
  int64_t wanted_, size_, last_;
  int64_t drawn_ = 0, walked_ = 0;
  std::vector<int64_t> tried_;  // before the walk
};

}  // namespace selfsup::data
