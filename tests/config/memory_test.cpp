#include "config/memory.h"

#include <sys/resource.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>

#include "root.h"

using namespace selfsup;
using namespace selfsup::config;
using Catch::Contains;

namespace {

constexpr uint64_t kGiB = uint64_t{1} << 30;

// A machine of 16 GiB, of which the process has taken 1 page of its own.
test::Root machine(const std::string& groups) {
  test::Root root(groups);
  root.put("proc/meminfo", "MemFree:  1 kB\nMemTotal:       16777216 kB\nSwapTotal: 99999999 kB\n");
  root.put("proc/self/statm", "300 101 100 5 0 200 0\n");
  return root;
}

uint64_t page() { return static_cast<uint64_t>(sysconf(_SC_PAGESIZE)); }

}  // namespace

TEST_CASE("the machine's memory is shared by its ranks, and what the process has is taken") {
  const test::Root root = machine("0::/\n");
  CHECK(allowed_memory(1, root.path()).bytes == 16 * kGiB - page());
  const Allowance quarter = allowed_memory(4, root.path());
  CHECK(quarter.bytes == 4 * kGiB - page());
  CHECK(quarter.why == "the machine's memory of 16.0 GiB, shared by 4 ranks, less what it has taken");
}

TEST_CASE("the least limit of the control groups above the process counts, in both versions") {
  const test::Root root = machine("0::/user.slice/job\n");
  root.put("sys/fs/cgroup/user.slice/memory.max", "8589934592\n");
  root.put("sys/fs/cgroup/user.slice/job/memory.max", "max\n");
  CHECK(allowed_memory(1, root.path()).bytes == 8 * kGiB - page());
  CHECK_THAT(allowed_memory(2, root.path()).why, Contains("control group of 8.00 GiB, shared by 2 ranks"));
  root.put("sys/fs/cgroup/user.slice/job/memory.max", "1073741824\n");
  CHECK(allowed_memory(1, root.path()).bytes == kGiB - page());

  const test::Root old = machine("4:memory:/a/b\n1:cpu:/\n0::/\n");
  old.put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");  // none
  CHECK(allowed_memory(1, old.path()).bytes == 16 * kGiB - page());
  old.put("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "2147483648\n");
  CHECK(allowed_memory(1, old.path()).bytes == 2 * kGiB - page());
}

TEST_CASE("a limit of the address space or of data counts for each process") {
  const test::Root root = machine("0::/\n");
  struct Limit {
    __rlimit_resource resource;
    uint64_t taken;  // pages
    const char* name;
  };
  for (const auto& [resource, taken, name] : {Limit{RLIMIT_AS, 300, "ulimit -v"}, {RLIMIT_DATA, 200, "ulimit -d"}}) {
    rlimit before{};
    REQUIRE(getrlimit(resource, &before) == 0);
    if (before.rlim_cur < 8 * kGiB) continue;  // this process is held to less already
    const rlimit lower{6 * kGiB, before.rlim_max};
    REQUIRE(setrlimit(resource, &lower) == 0);
    const Allowance one = allowed_memory(1, root.path()), of_two = allowed_memory(2, root.path()),
                    of_eight = allowed_memory(8, root.path());
    REQUIRE(setrlimit(resource, &before) == 0);
    CHECK(one.bytes == 6 * kGiB - taken * page());
    CHECK(of_two.bytes == one.bytes);
    CHECK_THAT(one.why, Contains(name));
    CHECK(of_eight.bytes == 2 * kGiB - page());
  }
}

TEST_CASE("where nothing is known of a limit there is none") {
  const test::Root root("0::/\n");
  CHECK(allowed_memory(1, root.path()).bytes > (uint64_t{1} << 60));
}
