#include "device/memory.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <cstdlib>

namespace selfsup::device {
namespace {

long page_faults() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

// What a step does: takes two large blocks, writes them, and frees them.
void step() {
  constexpr size_t bytes = size_t{1100} << 20;
  char* blocks[2];
  for (char*& block : blocks) {
    block = static_cast<char*>(std::malloc(bytes));
    for (size_t i = 0; i < bytes; i += 4096) block[i] = 1;
  }
  for (char* block : blocks) std::free(block);
}

}  // namespace

TEST_CASE("gigabytes that a step has freed serve the next one without a page fault") {
  const pid_t child = fork();  // the setting is the process's, for good
  if (child == 0) {
    for (const char* name : {"GLIBC_TUNABLES", "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_MMAP_MAX_"})
      unsetenv(name);
    keep_freed_memory();
    step();
    const long before = page_faults();
    step();
    _exit(page_faults() - before < 1000 ? 0 : 1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

}  // namespace selfsup::device
