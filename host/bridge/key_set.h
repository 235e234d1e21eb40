// A set of 64-bit keys that is filled and cleared in every step without allocating. Knows nobody.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

namespace selfsup::bridge {

// Keys are hashes: their low bits say where they lie.
class KeySet {
 public:
  // False if it was there already.
  bool insert(uint64_t key) {
    if (key == 0) key = 1;  // 0 marks a free place
    if (count_ * 2 >= places_.size()) grow();
    uint64_t& place = find(key);
    if (place == key) return false;
    place = key;
    ++count_;
    return true;
  }
  void clear() {
    if (count_ == 0) return;
    std::fill(places_.begin(), places_.end(), 0);
    count_ = 0;
  }

 private:
  uint64_t& find(uint64_t key) {
    size_t i = key & (places_.size() - 1);
    while (places_[i] != 0 && places_[i] != key) i = (i + 1) & (places_.size() - 1);
    return places_[i];
  }
  void grow() {
    std::vector<uint64_t> before(places_.empty() ? 64 : places_.size() * 2);
    before.swap(places_);
    for (uint64_t key : before)
      if (key != 0) find(key) = key;
  }
  std::vector<uint64_t> places_;
  size_t count_ = 0;
};

}  // namespace selfsup::bridge
