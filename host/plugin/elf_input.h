// One open ELF file, read piece by piece; every piece is checked against the size that was found when it was opened.
// Knows nothing of what the pieces mean.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"

namespace selfsup::plugin {

class ElfInput {
 public:
  static constexpr const char* kRebuild = "copy or build the plugin again";

  // Error(plugin), as from everything here, unless it is a regular file.
  explicit ElfInput(const std::string& path);

  // The same bytes in memory that nobody can change any more: what is checked there is what is mapped from there. Null
  // where there is no such memory (an old system, a strict sandbox).
  std::shared_ptr<const ElfInput> sealed_copy() const;

  uint64_t size() const { return file_.size(); }
  bool holds(uint64_t offset, uint64_t bytes) const { return offset <= size() && bytes <= size() - offset; }
  int fd() const { return file_.fd(); }
  std::string sha256() const;  // of the whole file

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
  ElfInput(const std::string& path, RegularFile file) : path_(path), file_(std::move(file)) {}
  void require(uint64_t offset, uint64_t bytes, const char* what) const;

  std::string path_;
  RegularFile file_;
};

}  // namespace selfsup::plugin
