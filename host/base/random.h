// Random numbers as functions of a key: no state to store, nothing that depends on the order of calls. Knows nobody.
#pragma once
#include <cstdint>
#include <string_view>

namespace selfsup {

// SplitMix64's finaliser: a bijection that mixes every bit.
constexpr uint64_t mix64(uint64_t x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

// FNV-1a, for names in keys.
constexpr uint64_t hash_name(std::string_view s) {
  uint64_t h = 1469598103934665603ull;
  for (char c : s) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  return h;
}

// The key of a stream: hash_key(seed, epoch, sample, …). The order of the parts counts.
template <class... Parts>
constexpr uint64_t hash_key(uint64_t first, Parts... rest) {
  uint64_t h = mix64(first);
  ((h = mix64(h ^ mix64(static_cast<uint64_t>(rest) + 0x632be59bd9b4e019ull))), ...);
  return h;
}

// The stream of a key, drawn one after the other.
class KeyedRandom {
 public:
  explicit KeyedRandom(uint64_t key) : key_(key) {}
  uint64_t next() { return hash_key(key_, draw_++); }
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }  // [0, 1)
  double uniform(double lo, double hi) { return lo + (hi - lo) * uniform(); }
  uint64_t below(uint64_t n) { return static_cast<uint64_t>((static_cast<unsigned __int128>(next()) * n) >> 64); }

 private:
  uint64_t key_, draw_ = 0;
};

}  // namespace selfsup
