#include "device/threads.h"

#include <ATen/Parallel.h>
#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string_view>

#include "device/device.h"

namespace selfsup::device {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// The tightest quota from this process's group up to the root, version 2 and 1.
double cgroup_cores() {
  double cores = 0;
  const auto take = [&](double found) {
    if (found > 0) cores = cores > 0 ? std::min(cores, found) : found;
  };
  std::string group = "/";
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("0::")) group = line.substr(3);
  for (;;) {
    take(quota_cores(first_line("/sys/fs/cgroup" + (group == "/" ? "" : group) + "/cpu.max")));
    if (group.empty() || group == "/") break;
    group = group.substr(0, group.find_last_of('/'));
  }
  const std::string v1 = "/sys/fs/cgroup/cpu/cpu.cfs_";
  take(quota_cores(first_line(v1 + "quota_us") + " " + first_line(v1 + "period_us")));
  return cores;
}

}  // namespace

double quota_cores(const std::string& cpu_max) {
  std::istringstream text(cpu_max);
  double quota = 0, period = 0;
  return text >> quota >> period && quota > 0 && period > 0 ? quota / period : 0;
}

int allowed_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  int cores = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  if (const double quota = cgroup_cores(); quota > 0) cores = std::min(cores, static_cast<int>(std::ceil(quota)));
  return std::max(1, cores);
}

int set_threads(int wanted, int local_ranks) {
  if (wanted <= 0) {
    const char* text = std::getenv("OMP_NUM_THREADS");
    const std::string_view omp = text ? text : "";
    std::from_chars(omp.data(), omp.data() + omp.size(), wanted);
  }
  if (wanted <= 0) wanted = std::max(1, allowed_cores() / std::max(1, local_ranks));
  at::set_num_threads(wanted);
  return at::get_num_threads();
}

}  // namespace selfsup::device
