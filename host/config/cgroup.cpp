#include "config/cgroup.h"

#include <algorithm>
#include <fstream>

namespace selfsup::config {
namespace {

namespace fs = std::filesystem;

// In a container, group may be a path that is not there: what is mounted is then the container's own group.
int64_t least_below(const fs::path& mount, const fs::path& group, GroupLimit limit) {
  int64_t least = limit(mount);
  fs::path folder = mount;
  for (const fs::path& part : group.relative_path()) {
    if (part == "..") break;  // outside of what is mounted
    folder /= part;
    const int64_t here = limit(folder);
    if (here > 0) least = least > 0 ? std::min(least, here) : here;
  }
  return least;
}

}  // namespace

// /proc/self/cgroup: lines "0::/the/group" of version 2 and "4:cpu,cpuacct:/the/group" of version 1.
int64_t least_limit(const std::string& root, std::string_view controller, GroupLimit version_1, GroupLimit version_2) {
  const fs::path top = root, mount = top / "sys/fs/cgroup";
  std::ifstream groups(top / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",",
                      group = line.substr(second + 1);
    const bool v2 = controllers == ",,";
    if (!v2 && controllers.find("," + std::string(controller) + ",") == std::string::npos) continue;
    const int64_t least = least_below(v2 ? mount : mount / controller, group, v2 ? version_2 : version_1);
    if (least > 0) return least;
  }
  return 0;
}

}  // namespace selfsup::config
