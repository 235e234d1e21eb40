// Reads files of lines in little memory, whatever is in them. Knows nothing of what the lines say.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "base/file.h"

namespace selfsup::report {

class Lines {
 public:
  static constexpr size_t kLongest = 256u << 10;  // no run writes as long ones

  // None, where there is no file. Error(usage) for what is no regular file, Error(storage) when it cannot be opened.
  static std::optional<Lines> of(const std::string& path);

  // The next line without its end, of a longer one its first bytes; false when there is none. Error(storage).
  bool next(std::string& line);
  bool ended() const { return ended_; }        // the last one had an end
  uint64_t offset() const { return offset_; }  // of the first byte after it

 private:
  Lines(RegularFile file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}
  bool fill();

  RegularFile file_;
  std::string path_, buffer_;
  size_t at_ = 0;  // of what is read of the buffer
  uint64_t offset_ = 0, read_ = 0;
  bool ended_ = true;
};

}  // namespace selfsup::report
