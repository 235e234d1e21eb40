#include "config/threads.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>

namespace selfsup::config {
namespace {

int cores_by_affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? std::max(1, CPU_COUNT(&set)) : 1;
}

// cpu.max of cgroup v2 ("max 100000" or "150000 100000"), or the two files of v1. 0: no limit.
int cores_by_quota() {
  std::string quota;
  double period = 0;
  if (std::ifstream v2("/sys/fs/cgroup/cpu.max"); !(v2 >> quota >> period)) {
    std::ifstream v1_quota("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), v1_period("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
    if (!(v1_quota >> quota && v1_period >> period)) return 0;
  }
  const double allowed = std::atof(quota.c_str());
  if (allowed <= 0 || period <= 0) return 0;
  return std::max(1, static_cast<int>(std::ceil(allowed / period)));
}

}  // namespace

int allowed_cores() {
  const int by_affinity = cores_by_affinity(), by_quota = cores_by_quota();
  return by_quota > 0 ? std::min(by_affinity, by_quota) : by_affinity;
}

int training_threads(long asked, int local_ranks) {
  if (asked > 0) return static_cast<int>(asked);
  if (const char* text = std::getenv("OMP_NUM_THREADS"))
    if (const int threads = std::atoi(text); threads > 0) return threads;
  return std::max(1, allowed_cores() / std::max(1, local_ranks));
}

}  // namespace selfsup::config
