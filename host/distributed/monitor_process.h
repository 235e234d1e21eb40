// The ends of other ranks' processes on this machine, known the moment they happen. Knows no store and no verdict.
#pragma once
#include <sys/types.h>

#include <chrono>
#include <mutex>
#include <vector>

namespace selfsup::distributed {

// For processes of any parent. Where the system has no such thing (pidfd_open, Linux 5.3; a sandbox may forbid it)
// nobody's end is told here, and the monitor learns of it later, from missing signs.
class ProcessEnds {
 public:
  ProcessEnds();
  ~ProcessEnds();
  ProcessEnds(const ProcessEnds&) = delete;
  ProcessEnds& operator=(const ProcessEnds&) = delete;

  // Any thread. The process is of this machine; one that is gone by now has ended.
  void watch(int rank, pid_t process);
  void wake();  // any thread: ends a wait, the next one if there is none

  // One thread: ranks whose process has ended, each told once; none when the time is over or somebody wakes it.
  std::vector<int> wait(std::chrono::milliseconds longest);

 private:
  struct Watched {
    int rank;
    int descriptor;  // -1: gone before it could be watched
  };

  int wake_;
  std::mutex mutex_;
  std::vector<Watched> watched_;
};

}  // namespace selfsup::distributed
