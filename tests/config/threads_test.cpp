#include "config/threads.h"

#include <sched.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <string>

#include "base/errors.h"
#include "root.h"

using namespace selfsup::config;

namespace {

struct Root : selfsup::test::Root {
  using selfsup::test::Root::Root;
  int cores() const { return allowed_cores(path()); }
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

TEST_CASE("more threads than can be started are refused by the variable's name, before OpenMP reads it") {
  for (const char* name : {"OMP_NUM_THREADS", "MKL_NUM_THREADS"}) {
    const char* before = std::getenv(name);
    const std::string kept = before ? before : "";
    for (const char* text : {"4097", "1000000000", "99999999999999999999", "5000,2"}) {
      INFO(name << "=" << text);
      setenv(name, text, 1);
      CHECK_THROWS_WITH(check_thread_variables(),
                        Catch::Contains(std::string(name) + " is " + text) && Catch::Contains("4096"));
    }
    for (const char* text : {"4096", "1", "2,1000000000", "0", "-1", "", "many"}) {
      setenv(name, text, 1);
      CHECK_NOTHROW(check_thread_variables());
    }
    unsetenv(name);
    CHECK_NOTHROW(check_thread_variables());
    if (before) setenv(name, kept.c_str(), 1);
  }
}
