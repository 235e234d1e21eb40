// Owns files that grow by whole pieces, or by whole lines: each is appended entirely or not at all. Knows nothing of
// what they hold.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/file.h"

namespace selfsup {

// One thread. A disk that takes no more never stops the run.
class WholeAppends {
 public:
  // Error(usage) for what is there and is no regular file, Error(storage) when it cannot be opened.
  explicit WholeAppends(const std::string& path);

  // In the kernel's hands when this returns true, so that a kill loses nothing. False: the file is as it was, or torn.
  bool append(std::string_view piece);
  bool torn() const { return torn_; }  // the file ends within a piece, which could not be taken back
  void mend() { torn_ = false; }       // what was appended last ends that piece

 private:
  Fd fd_;
  bool torn_ = false;
};

// Lines that the disk does not take are counted. One thread.
class AppendedLines {
 public:
  explicit AppendedLines(const std::string& path) : file_(path) {}  // as WholeAppends

  void write(std::string_view line);  // without its end
  uint64_t dropped() const { return dropped_; }

 private:
  WholeAppends file_;
  uint64_t dropped_ = 0;
};

}  // namespace selfsup
