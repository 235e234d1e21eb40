// Owns a file that grows by whole pieces: each is appended entirely or not at all. Knows nothing of what they hold.
#pragma once
#include <string>
#include <string_view>

#include "base/file.h"

namespace selfsup::report {

// One thread. A disk that takes no more never stops the run.
class WholeAppends {
 public:
  explicit WholeAppends(const std::string& path);  // Error(storage) when it cannot be opened

  // In the kernel's hands when this returns true, so that a kill loses nothing. False: the file is as it was, or torn.
  bool append(std::string_view piece);
  bool torn() const { return torn_; }  // the file ends within a piece, which could not be taken back
  void mend() { torn_ = false; }       // what was appended last ends that piece

 private:
  Fd fd_;
  bool torn_ = false;
};

}  // namespace selfsup::report
