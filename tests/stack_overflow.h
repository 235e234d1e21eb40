// A recursion without end, which neither compilers nor sanitizers see.
#pragma once
#include <sys/resource.h>

namespace selfsup::test {

[[gnu::noinline]] inline int deeper(volatile char* outer) {
  if (*outer != 0) return 0;
  volatile char here[1024] = {};
  return deeper(here) + here[0];
}

inline void overflow_stack() {
  const rlimit eight_mib = {8 << 20, 8 << 20};
  ::setrlimit(RLIMIT_STACK, &eight_mib);  // the main thread's stack grows up to here
  volatile char start = 0;
  deeper(&start);
}

}  // namespace selfsup::test
