// How much more memory this process may take. Knows no configuration.
#pragma once
#include <cstdint>
#include <string>

namespace selfsup::config {

struct Allowance {
  uint64_t bytes = 0;
  std::string why;  // whose limit it is: "the machine's memory of 23.5 GiB, shared by 2 ranks, less what it has"
};

// The least of the machine's memory and the limits of the process's control group and those above it, both shared by
// the ranks of this machine, and of its address space and data (ulimit -v and -d); each without what the process has
// taken already. root: the folder that holds proc and sys.
Allowance allowed_memory(int local_ranks, const std::string& root = "/");

}  // namespace selfsup::config
