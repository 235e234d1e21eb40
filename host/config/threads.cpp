#include "config/threads.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace selfsup::config {
namespace {

namespace fs = std::filesystem;

int cores_by_affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? std::max(1, CPU_COUNT(&set)) : 1;
}

// Cores that a cgroup's folder allows; 0: it sets no limit.
using Quota = int (*)(const fs::path& folder);

int cores(const std::string& quota, double period) {
  const double allowed = std::atof(quota.c_str());  // "max", and -1 in version 1: no limit
  return allowed > 0 && period > 0 ? std::max(1, static_cast<int>(std::ceil(allowed / period))) : 0;
}

int quota_v2(const fs::path& folder) {
  std::string quota;
  double period = 0;
  std::ifstream(folder / "cpu.max") >> quota >> period;
  return cores(quota, period);
}

int quota_v1(const fs::path& folder) {
  std::string quota;
  double period = 0;
  std::ifstream(folder / "cpu.cfs_quota_us") >> quota;
  std::ifstream(folder / "cpu.cfs_period_us") >> period;
  return cores(quota, period);
}

// The least of a group's own quota and those above it. In a container, group may be a path that is not there: what is
// mounted is then the container's own group.
int least_quota(const fs::path& mount, const fs::path& group, Quota quota) {
  int least = quota(mount);
  fs::path folder = mount;
  for (const fs::path& part : group.relative_path()) {
    if (part == "..") break;  // outside of what is mounted
    folder /= part;
    const int here = quota(folder);
    if (here > 0) least = least > 0 ? std::min(least, here) : here;
  }
  return least;
}

// /proc/self/cgroup: lines "0::/the/group" of version 2 and "4:cpu,cpuacct:/the/group" of version 1.
int cores_by_quota(const fs::path& root) {
  const fs::path mount = root / "sys/fs/cgroup";
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",",
                      group = line.substr(second + 1);
    const bool v2 = controllers == ",,";
    if (!v2 && controllers.find(",cpu,") == std::string::npos) continue;
    if (const int cores = least_quota(v2 ? mount : mount / "cpu", group, v2 ? quota_v2 : quota_v1); cores > 0)
      return cores;
  }
  return 0;
}

}  // namespace

int allowed_cores(const std::string& root) {
  const int by_affinity = cores_by_affinity(), by_quota = cores_by_quota(root);
  return by_quota > 0 ? std::min(by_affinity, by_quota) : by_affinity;
}

int training_threads(long asked, int local_ranks) {
  if (asked > 0) return static_cast<int>(asked);
  if (const char* text = std::getenv("OMP_NUM_THREADS"))
    if (const int threads = std::atoi(text); threads > 0) return threads;
  return std::max(1, allowed_cores() / std::max(1, local_ranks));
}

}  // namespace selfsup::config
