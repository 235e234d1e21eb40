// What the launcher's tests say to their ranks, and read of them. Knows no test.
#pragma once
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "launched.h"

namespace selfsup::launch::testing {

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// The launcher's last line.
inline std::string last_line(const std::string& text) {
  const size_t end = text.find_last_not_of('\n');
  const size_t begin = text.rfind('\n', end);
  return end == std::string::npos ? "" : text.substr(begin == std::string::npos ? 0 : begin + 1, end - begin);
}

// Both scripts name the process before they wait, as long as nobody ends it.
inline const std::string waits = "echo $RANK $$ >&9; exec sleep 1000";
inline const std::string waits_deaf = "trap '' TERM; echo $RANK $$ >&9; exec sleep 1000";

// Each rank says its number and process once: the processes by rank.
inline std::vector<pid_t> pids_of(Launched& launched, size_t ranks) {
  std::vector<pid_t> pids(ranks);
  for (size_t i = 0; i < ranks; ++i) {
    std::istringstream line(launched.line());
    size_t rank = ranks;
    pid_t pid = 0;
    line >> rank >> pid;
    REQUIRE(rank < ranks);
    pids[rank] = pid;
  }
  return pids;
}

// Of a process that is not this one's child, so that nobody tells.
inline void wait_until_stopped(pid_t process, bool stopped) {
  for (;; ::usleep(1000)) {
    std::ifstream file("/proc/" + std::to_string(process) + "/stat");
    std::string pid, name, state;
    REQUIRE(file >> pid >> name >> state);
    if ((state == "T") == stopped) return;
  }
}

// A pipe with a name, in a folder that goes at the end.
class Fifo {
 public:
  Fifo() {
    folder_ = (std::filesystem::temp_directory_path() / "selfsup-fifo-XXXXXX").string();
    if (!::mkdtemp(folder_.data()) || ::mkfifo(path().c_str(), 0600) != 0)
      throw std::runtime_error("no FIFO to be had");
  }
  ~Fifo() {
    if (end_ >= 0) ::close(end_);
    std::filesystem::remove_all(folder_);
  }
  // For whoever reads it now or later; waits for nobody.
  void write_line() {
    end_ = ::open(path().c_str(), O_RDWR | O_CLOEXEC);
    REQUIRE(::write(end_, "\n", 1) == 1);
  }
  std::string path() const { return folder_ + "/fifo"; }

 private:
  std::string folder_;
  int end_ = -1;
};

}  // namespace selfsup::launch::testing
