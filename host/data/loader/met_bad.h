// What workers learn of images that cannot be used: which no place of any batch can use, and which a batch has met.
// Knows no loader.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace selfsup::data {

// Why an image cannot be used; null: it can.
using BadReason = std::shared_ptr<const std::string>;

// Images that cannot be used whatever is wanted of them: nobody tries them a second time. Of any thread.
class Hopeless {
 public:
  BadReason find(int64_t index) const;
  void add(int64_t index, const BadReason& reason);

 private:
  mutable std::mutex mutex_;
  std::unordered_map<int64_t, BadReason> reasons_;
};

// Those that the places of one batch have met, each once however many places have. Of any thread.
class MetBad {
 public:
  struct Bad {
    int64_t index;
    BadReason reason;
  };
  // tried: how many images were tried for that place before.
  void add(int64_t place, int64_t tried, int64_t index, const BadReason& reason);
  // Those that places up to this one have met, in the order in which one thread would have that fills one after the
  // other.
  std::vector<Bad> in_order(int64_t last_place) const;

 private:
  struct First {
    std::pair<int64_t, int64_t> at;  // place, tried
    BadReason reason;
  };
  mutable std::mutex mutex_;
  std::unordered_map<int64_t, First> met_;
};

}  // namespace selfsup::data
