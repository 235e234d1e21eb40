// One open ELF file, read piece by piece; every piece is checked against the size that was found when it was opened.
// Knows nothing of what the pieces mean.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace selfsup::plugin {

class ElfInput {
 public:
  static constexpr uint64_t kLargest = uint64_t{8} << 30;
  static constexpr const char* kRebuild = "copy or build the plugin again";

  // Error(plugin), as from everything here, unless it is a regular file of at most kLargest bytes.
  explicit ElfInput(const std::string& path);
  ~ElfInput();
  ElfInput(const ElfInput&) = delete;
  ElfInput& operator=(const ElfInput&) = delete;

  uint64_t size() const { return size_; }
  bool holds(uint64_t offset, uint64_t bytes) const { return offset <= size_ && bytes <= size_ - offset; }

  void read(uint64_t offset, void* to, uint64_t bytes, const char* what) const;
  template <class T>
  T read(uint64_t offset, const char* what) const {
    T value;
    read(offset, &value, sizeof value, what);
    return value;
  }
  // As many as fit into `bytes`.
  template <class T>
  std::vector<T> read_all(uint64_t offset, uint64_t bytes, const char* what) const {
    require(offset, bytes, what);  // before memory is taken
    std::vector<T> values(bytes / sizeof(T));
    read(offset, values.data(), values.size() * sizeof(T), what);
    return values;
  }
  [[noreturn]] void fail(const std::string& text) const;
  [[noreturn]] void damaged(const std::string& what) const;

 private:
  void require(uint64_t offset, uint64_t bytes, const char* what) const;

  std::string path_;
  int fd_ = -1;
  uint64_t size_ = 0;
};

}  // namespace selfsup::plugin
