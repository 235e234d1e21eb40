// Boxed lists of ints that repeat from step to step (sizes, dimensions): making one costs two allocations. Knows no
// operator.
#pragma once
#include <ATen/core/List.h>
#include <ATen/core/ivalue.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace selfsup::bridge {

// The last ones are kept, found by their hash. Kernels copy lists out of boxed values, they never change them.
class IntLists {
 public:
  c10::IValue get(const int64_t* data, uint32_t count) {
    if (count > kLongest) return make(data, count);
    uint64_t hash = count;
    for (uint32_t i = 0; i < count; ++i) hash = (hash ^ static_cast<uint64_t>(data[i])) * 0x9e3779b97f4a7c15ull;
    Kept& k = kept_[(hash >> 32) % kept_.size()];
    if (k.count != count || !std::equal(data, data + count, k.data)) {
      k.list = make(data, count);
      k.count = count;
      std::copy(data, data + count, k.data);
    }
    return k.list;
  }

 private:
  static constexpr uint32_t kLongest = 8;
  struct Kept {
    uint32_t count = UINT32_MAX;
    int64_t data[kLongest];
    c10::IValue list;
  };
  static c10::IValue make(const int64_t* data, uint32_t count) {
    c10::List<int64_t> list;
    list.reserve(count);
    for (uint32_t i = 0; i < count; ++i) list.push_back(data[i]);
    return list;
  }
  std::array<Kept, 512> kept_;
};

}  // namespace selfsup::bridge
