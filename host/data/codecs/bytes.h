// Numbers in the bytes of a file that may be anything. Knows no format.
#pragma once
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace selfsup::data {

inline bool has_at(std::span<const uint8_t> bytes, size_t at, std::string_view text) {
  return bytes.size() >= text.size() && at <= bytes.size() - text.size() &&
         std::memcmp(bytes.data() + at, text.data(), text.size()) == 0;
}

// From `at`, at most `size` of them; none past the end.
inline std::span<const uint8_t> part(std::span<const uint8_t> bytes, uint64_t at, uint64_t size = UINT64_MAX) {
  if (at >= bytes.size()) return {};
  const std::span<const uint8_t> rest = bytes.subspan(at);
  return rest.first(size < rest.size() ? size : rest.size());
}

// Numbers of one byte order; 0 where they do not lie in the bytes whole.
class Numbers {
 public:
  explicit Numbers(std::span<const uint8_t> bytes, bool little = true) : bytes_(bytes), little_(little) {}
  uint8_t u8(size_t at) const { return at < bytes_.size() ? bytes_[at] : uint8_t{0}; }
  uint16_t u16(size_t at) const { return static_cast<uint16_t>(number(at, 2)); }
  uint32_t u32(size_t at) const { return number(at, 4); }

 private:
  uint32_t number(size_t at, size_t size) const {
    if (at > bytes_.size() || bytes_.size() - at < size) return 0;
    uint32_t value = 0;
    for (size_t i = 0; i < size; ++i) value = value << 8 | bytes_[at + (little_ ? size - 1 - i : i)];
    return value;
  }
  std::span<const uint8_t> bytes_;
  bool little_;
};

}  // namespace selfsup::data
