// System calls of the helper, as strace sees them: listed, and made to fail or to be where it is killed.
#pragma once
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "support.h"

namespace selfsup::checkpoint::testing {

struct Call {
  std::string name;
  int nth;           // of its name in the whole process: what strace counts
  std::string text;  // as traced
};

// The calls between the two marks of the helper, in order.
inline std::vector<Call> calls_of(const std::string& arguments) {
  const TempDir dir;
  const std::string trace = dir / "trace";
  const Result result = run(fmt::format("strace -y -o {} {} {}", trace, helper(), arguments));
  INFO(result.output);
  INFO("this test needs strace and the right to trace a child process (ptrace)");
  REQUIRE(result.exit == 0);
  // `env` is traced too: its exec begins the process anew, but strace goes on counting.
  std::vector<Call> calls;
  std::map<std::string, int> seen;
  bool inside = false;
  std::istringstream lines(slurp(trace));
  for (std::string line; std::getline(lines, line);) {
    const std::string name = line.substr(0, line.find('('));
    if (name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != name.npos) continue;
    const int nth = ++seen[name];
    if (name == "getppid") {
      inside = !inside;
    } else if (inside) {
      calls.push_back({name, nth, line});
    }
  }
  return calls;
}

inline bool of_memory(const Call& call) {
  return std::set<std::string>{"brk", "mmap", "munmap", "mprotect", "futex", "getrandom"}.count(call.name) > 0;
}

inline Result inject(const Call& call, const std::string& fault, const std::string& arguments) {
  return run(fmt::format("strace -o /dev/null -e trace={} -e inject={}:{}:when={} {} {}", call.name, call.name, fault,
                         call.nth, helper(), arguments));
}

}  // namespace selfsup::checkpoint::testing
