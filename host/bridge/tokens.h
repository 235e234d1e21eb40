// Numbers that plugins get in the place of pointers (ssp_call*, ssp_build*, components): the host's number and a serial
// number that never repeats, so that a kept or foreign one is refused and never dereferenced. Knows no object.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <iterator>
#include <utility>
#include <vector>

namespace selfsup::bridge {

// 1 … 255 for what this made; 0 for any address of a program.
inline uint32_t host_number(const void* token) {
  return static_cast<uint32_t>(reinterpret_cast<uintptr_t>(token) >> 56);
}

inline void* next_token(uint32_t host) {
  static std::atomic<uint64_t> serial{0};
  return reinterpret_cast<void*>((uint64_t{host} << 56) | (serial.fetch_add(1, std::memory_order_relaxed) + 1));
}

// The objects of one kind that are alive, oldest first: their serial numbers rise. The newest goes first, as a rule.
template <class T>
class Tokens {
 public:
  explicit Tokens(uint32_t host) : host_(host) {}
  void* add(T& object) {
    void* token = next_token(host_);
    alive_.emplace_back(token, &object);
    return token;
  }
  T* find(const void* token) const {
    const auto it = std::ranges::lower_bound(alive_, reinterpret_cast<uintptr_t>(token), {}, number);
    return it != alive_.end() && it->first == token ? it->second : nullptr;
  }
  void remove(const T& object) {
    const auto it = std::find_if(alive_.rbegin(), alive_.rend(), [&](const auto& e) { return e.second == &object; });
    if (it != alive_.rend()) alive_.erase(std::next(it).base());
  }
  bool empty() const { return alive_.empty(); }

 private:
  using Alive = std::pair<const void*, T*>;
  static uintptr_t number(const Alive& each) { return reinterpret_cast<uintptr_t>(each.first); }

  uint32_t host_;
  std::vector<Alive> alive_;
};

}  // namespace selfsup::bridge
