// What the host logs while it lives, as run.log would have it.
#pragma once
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "base/log.h"

namespace selfsup::bridge::testing {

class CapturedLog {
 public:
  CapturedLog() : path_(std::filesystem::temp_directory_path() / ("selfsup-log-" + std::to_string(::getpid()))) {
    open_log_file(path_.string());
  }
  ~CapturedLog() {
    close_log_file();
    std::filesystem::remove(path_);
  }
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;
  std::string text() const {
    std::ifstream file(path_);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  std::filesystem::path path_;
};

}  // namespace selfsup::bridge::testing
