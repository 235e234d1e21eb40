#include "config/threads.h"

#include <sched.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

using namespace selfsup::config;
namespace fs = std::filesystem;

namespace {

// A folder that stands for /, with the process in the cgroup that is said.
class Root {
 public:
  explicit Root(const std::string& groups)
      : path_(fs::temp_directory_path() / ("selfsup-root-" + std::to_string(getpid()))) {
    fs::remove_all(path_);
    put("proc/self/cgroup", groups);
  }
  ~Root() { fs::remove_all(path_); }
  void put(const std::string& name, const std::string& text) const {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << text;
  }
  int cores() const { return allowed_cores(path_.string()); }

 private:
  fs::path path_;
};

int by_affinity() {
  cpu_set_t set;
  REQUIRE(sched_getaffinity(0, sizeof set, &set) == 0);
  return CPU_COUNT(&set);
}

}  // namespace

TEST_CASE("the least quota of the process's cgroup and those above it counts") {
  if (by_affinity() < 2) return;  // affinity allows no more than the quota would
  const Root root("0::/user.slice/job\n");
  CHECK(root.cores() == by_affinity());
  root.put("sys/fs/cgroup/user.slice/cpu.max", "max 100000\n");
  CHECK(root.cores() == by_affinity());
  root.put("sys/fs/cgroup/user.slice/cpu.max", "50000 100000\n");
  root.put("sys/fs/cgroup/user.slice/job/cpu.max", "800000 100000\n");
  CHECK(root.cores() == 1);
}

TEST_CASE("a container sees its own cgroup at the mount, whatever its name outside") {
  if (by_affinity() < 2) return;
  for (const char* group : {"0::/\n", "0::/../../docker/4a2f\n", "0::/docker/4a2f\n"}) {
    const Root root(group);
    root.put("sys/fs/cgroup/cpu.max", "100000 100000\n");
    CHECK(root.cores() == 1);
  }
}

TEST_CASE("quotas of version 1") {
  if (by_affinity() < 2) return;
  const Root root("5:cpuset:/a\n3:cpu,cpuacct:/a\n0::/\n");
  root.put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  root.put("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  CHECK(root.cores() == by_affinity());
  root.put("sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "100000\n");
  root.put("sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n");
  CHECK(root.cores() == 1);
}

TEST_CASE("threads: what is asked, else OMP_NUM_THREADS, else the cores shared by the ranks") {
  const char* before = std::getenv("OMP_NUM_THREADS");
  const std::string kept = before ? before : "";
  setenv("OMP_NUM_THREADS", "5", 1);
  CHECK(training_threads(3, 1) == 3);
  CHECK(training_threads(0, 1) == 5);
  unsetenv("OMP_NUM_THREADS");
  CHECK(training_threads(0, 1) == allowed_cores());
  CHECK(training_threads(0, 1000000) == 1);
  if (before) setenv("OMP_NUM_THREADS", kept.c_str(), 1);
}
