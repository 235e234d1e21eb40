#include "config/memory.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "base/text.h"
#include "config/cgroup.h"

namespace selfsup::config {
namespace {

namespace fs = std::filesystem;

int64_t number_in(const fs::path& file) {
  std::string text;  // "max", and more than there can be in version 1: no limit
  std::ifstream(file) >> text;
  return std::max<int64_t>(0, std::strtoll(text.c_str(), nullptr, 10));
}
int64_t limit_v1(const fs::path& folder) { return number_in(folder / "memory.limit_in_bytes"); }
int64_t limit_v2(const fs::path& folder) { return number_in(folder / "memory.max"); }

// /proc/meminfo: "MemTotal:       24684084 kB"; 0: not known.
int64_t machine_memory(const fs::path& root) {
  std::ifstream file(root / "proc/meminfo");
  std::string name;
  int64_t kib = 0;
  while (file >> name)
    if (name == "MemTotal:" && file >> kib) return kib << 10;
  return 0;
}

// What the process has taken already, in bytes: addresses, data of its own, memory that is no file's. /proc/self/statm
// has pages.
struct Taken {
  uint64_t addresses = 0, data = 0, memory = 0;
};
Taken taken(const fs::path& root) {
  enum { size, resident, shared, text, library, data, count };
  uint64_t pages[count] = {};
  std::ifstream file(root / "proc/self/statm");
  for (uint64_t& each : pages) file >> each;
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return {pages[size] * page, pages[data] * page,
          (pages[resident] > pages[shared] ? pages[resident] - pages[shared] : 0) * page};
}

}  // namespace

Allowance allowed_memory(int local_ranks, const std::string& root) {
  const auto ranks = static_cast<uint64_t>(std::max(1, local_ranks));
  const Taken now = taken(root);
  Allowance least{UINT64_MAX, ""};
  const auto limited = [&](uint64_t limit, uint64_t sharers, uint64_t used, const char* what) {
    const uint64_t share = limit / sharers, rest = share > used ? share - used : 0;
    if (rest >= least.bytes) return;
    least = {rest, fmt::format("{} of {}{}, less what it has taken", what, size_text(limit),
                               sharers > 1 ? fmt::format(", shared by {} ranks", sharers) : "")};
  };
  if (const int64_t all = machine_memory(root); all > 0)
    limited(static_cast<uint64_t>(all), ranks, now.memory, "the machine's memory");
  if (const int64_t group = least_limit(root, "memory", limit_v1, limit_v2); group > 0)
    limited(static_cast<uint64_t>(group), ranks, now.memory, "the memory limit of its control group");
  const auto own = [&](__rlimit_resource resource, uint64_t used, const char* what) {
    rlimit limit{};
    if (getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) limited(limit.rlim_cur, 1, used, what);
  };
  own(RLIMIT_AS, now.addresses, "the limit of its address space (ulimit -v)");
  own(RLIMIT_DATA, now.data, "the limit of its data (ulimit -d)");
  return least;
}

}  // namespace selfsup::config
