// A folder that stands for /, with the process in the control groups that are said.
#pragma once
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace selfsup::test {

class Root {
 public:
  explicit Root(const std::string& groups)
      : path_(std::filesystem::temp_directory_path() / ("selfsup-root-" + std::to_string(getpid()))) {
    std::filesystem::remove_all(path_);
    put("proc/self/cgroup", groups);
  }
  ~Root() { std::filesystem::remove_all(path_); }
  void put(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << text;
  }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace selfsup::test
