#include "config/threads.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/errors.h"
#include "base/text.h"
#include "config/cgroup.h"

namespace selfsup::config {
namespace {

namespace fs = std::filesystem;

int cores_by_affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? std::max(1, CPU_COUNT(&set)) : 1;
}

int64_t cores(const std::string& quota, double period) {
  const double allowed = std::atof(quota.c_str());  // "max", and -1 in version 1: no limit
  return allowed > 0 && period > 0 ? std::max<int64_t>(1, std::llround(std::ceil(allowed / period))) : 0;
}

int64_t quota_v2(const fs::path& folder) {
  std::string quota;
  double period = 0;
  std::ifstream(folder / "cpu.max") >> quota >> period;
  return cores(quota, period);
}

int64_t quota_v1(const fs::path& folder) {
  std::string quota;
  double period = 0;
  std::ifstream(folder / "cpu.cfs_quota_us") >> quota;
  std::ifstream(folder / "cpu.cfs_period_us") >> period;
  return cores(quota, period);
}

}  // namespace

int allowed_cores(const std::string& root) {
  const int by_affinity = cores_by_affinity();
  const int64_t by_quota = least_limit(root, "cpu", quota_v1, quota_v2);
  return by_quota > 0 ? static_cast<int>(std::min<int64_t>(by_affinity, by_quota)) : by_affinity;
}

void check_thread_variables() {
  for (const char* name : {"OMP_NUM_THREADS", "MKL_NUM_THREADS"}) {
    const char* text = std::getenv(name);
    // OpenMP takes a list, a number for each level of nested regions.
    if (text && std::strtoll(text, nullptr, 10) > kMostThreads)
      throw Error(Exit::usage,
                  fmt::format("{} is {}: expected at most {} threads; unset it, or set it to the cores that "
                              "this process may use",
                              name, shortened(text, 40), kMostThreads));
  }
}

int training_threads(long asked, int local_ranks) {
  if (asked > 0) return static_cast<int>(asked);
  if (const char* text = std::getenv("OMP_NUM_THREADS"))
    if (const int threads = std::atoi(text); threads > 0) return threads;
  return std::max(1, allowed_cores() / std::max(1, local_ranks));
}

}  // namespace selfsup::config
