// Reads ZIP archives: where the bytes of each entry lie, and those bytes. Every number in the file is checked against
// its size before anything is done with it. Knows nothing of what entries hold.
#pragma once
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>

namespace selfsup::exchange {

// What is wrong with a file, without its name: readers above make it their own error.
class Malformed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Zip {
 public:
  struct Entry {
    uint64_t offset = 0;  // of its bytes, which lie within the file
    uint64_t packed = 0, size = 0;
    uint32_t crc = 0;
    bool deflated = false;
  };

  // bytes outlive the object. Malformed: no archive, a damaged or encrypted one, two entries of one name, entries that
  // together claim more bytes than there are (overlapping ones), an unknown compression.
  explicit Zip(std::string_view bytes);

  const std::unordered_map<std::string, Entry>& entries() const { return entries_; }
  const Entry* find(const std::string& name) const;  // null when absent

  // The entry's bytes, checked against their CRC; `hold` keeps them if they were packed. Malformed for one that claims
  // to hold more than max_ratio times its packed size, before memory is taken.
  std::string_view read(const Entry& entry, std::shared_ptr<const char[]>& hold) const;

  static constexpr uint64_t max_ratio = 200;

 private:
  std::string_view bytes_;
  std::unordered_map<std::string, Entry> entries_;
};

}  // namespace selfsup::exchange
