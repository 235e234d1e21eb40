// Numbers that plugins get in the place of pointers (ssp_call*, ssp_build*, components): the host's number and a serial
// number that never repeats, so that a kept or foreign one is refused and never dereferenced. Knows no object.
#pragma once
#include <atomic>
#include <cstdint>
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

// The objects of one kind that are alive. They are few, and the newest is asked for most.
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
    for (auto it = alive_.rbegin(); it != alive_.rend(); ++it)
      if (it->first == token) return it->second;
    return nullptr;
  }
  void remove(const T& object) {
    std::erase_if(alive_, [&](const auto& entry) { return entry.second == &object; });
  }
  bool empty() const { return alive_.empty(); }

 private:
  uint32_t host_;
  std::vector<std::pair<const void*, T*>> alive_;
};

}  // namespace selfsup::bridge
